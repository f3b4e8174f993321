-- Gives a claimed item back.
-- ARGV: id, item, owner, wait ms, refund (1: the attempt is not charged to the item)
-- Returns {released, closable}.
local id, n, owner, wait, refund = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local job = load_job(id)
if not job then return { 0, 0 } end
local try = read_try(id, n)
if try.owner ~= owner then return { 0, closable(job) } end
if try.begun == 1 and refund == '1' then try.attempts = try.attempts - 1 end
try.owner = ''
try.begun = 0
write_try(id, n, try)
add(job, 'held', -1)
touch(job)
local now = now_ms()
redis.call('ZADD', key(id, 'due'), now + wait, n)
place(job, now)
return { 1, closable(job) }
