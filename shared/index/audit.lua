-- Proves a job's bookkeeping: done bits + items in due + clear bits from the cursor on = total, and the counts are the
-- bits. A job that fails is dropped, so that it is registered again from storage. Ends leases that ran out.
-- ARGV: id
-- Returns {verdict, closable}: sound, dropped, ended or unknown.
local id = ARGV[1]
local job = load_job(id)
if not job then
  redis.call('SREM', 'pc:live', id)
  return { 'unknown', 0 }
end
if job.state == 'completed' or job.state == 'canceled' then return { 'ended', 0 } end
local now = now_ms()
lapse_all(job, now)
local done = redis.call('BITCOUNT', key(id, 'done'))
local failed = redis.call('BITCOUNT', key(id, 'failed'))
local due = redis.call('ZCARD', key(id, 'due'))
local clear = 0
if job.cursor < job.total then
  clear = job.total - job.cursor - redis.call('BITCOUNT', key(id, 'done'), job.cursor, job.total - 1, 'BIT')
end
local held = 0
for _, n in ipairs(redis.call('ZRANGE', key(id, 'due'), 0, -1)) do
  if read_try(id, n).owner ~= '' then held = held + 1 end
end
if done + due + clear ~= job.total or done ~= job.ended or failed ~= job.failed or job.succeeded + job.failed > done
  or held ~= job.held or redis.call('HLEN', key(id, 'tries')) ~= due then
  drop(job)
  return { 'dropped', 0 }
end
redis.call('SADD', 'pc:live', id)
redis.call('SADD', 'pc:models', job.model)
redis.call('ZADD', 'pc:jobs:' .. job.tenant, job.created, id)
place(job, now)
return { 'sound', closable(job) }
