-- Extends leases.
-- ARGV: lease ms, then id, item and owner of each
-- Returns for each 1, or 0 if the owner does not hold the item any more.
local lease, now = tonumber(ARGV[1]), now_ms()
local reply = {}
for i = 2, #ARGV, 3 do
  local id, n, owner = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local held = read_try(id, n).owner == owner
  if held then
    redis.call('ZADD', key(id, 'due'), now + lease, n)
    -- An owner begins with its host's name.
    redis.call('HSET', 'pc:heard', string.match(owner, '^[^/]*'), now)
  end
  reply[#reply + 1] = held and 1 or 0
end
return reply
