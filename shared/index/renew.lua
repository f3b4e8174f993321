-- Extends a lease.
-- ARGV: id, item, owner, lease ms
-- Returns 1, or 0 if the owner does not hold the item any more.
local id, n, owner, lease = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if read_try(id, n).owner ~= owner then return 0 end
local now = now_ms()
redis.call('ZADD', key(id, 'due'), now + lease, n)
-- An owner begins with its host's name.
redis.call('HSET', 'pc:heard', string.match(owner, '^[^/]*'), now)
return 1
