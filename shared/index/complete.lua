-- Counts an item whose done record exists. Acts once: a duplicate cannot move a count.
-- ARGV: id, item, state (succeeded, failed or canceled)
-- Returns {verdict, part ended, closable}: counted, duplicate or unknown (no such job).
local id, n, state = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local job = load_job(id)
if not job or n >= job.total then return { 'unknown', 0, 0 } end
if job.state == 'completed' or job.state == 'canceled' then return { 'duplicate', 0, 0 } end
if redis.call('GETBIT', key(id, 'done'), n) == 1 then return { 'duplicate', 0, closable(job) } end
if read_try(id, n).owner ~= '' then add(job, 'held', -1) end
redis.call('ZREM', key(id, 'due'), n)
redis.call('HDEL', key(id, 'tries'), n)
redis.call('SETBIT', key(id, 'done'), n, 1)
if state == 'failed' then redis.call('SETBIT', key(id, 'failed'), n, 1) end
add(job, 'ended', 1)
if state ~= 'canceled' then add(job, state, 1) end
redis.call('HSETNX', key(id), 'started', now_ms())
if job.state == 'queued' then set_state(job, 'running') end
touch(job)
local first = math.floor(n / 1000) * 1000
local last = math.min(first + 1000, job.total) - 1
local part_ended = 0
if redis.call('BITCOUNT', key(id, 'done'), first, last, 'BIT') == last - first + 1 then
  part_ended = 1
  redis.call('SADD', key(id, 'parts'), first / 1000)
end
return { 'counted', part_ended, closable(job) }
