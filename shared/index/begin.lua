-- Starts one claimed item and counts the attempt.
-- ARGV: id, item, owner, lease ms
-- Returns {verdict, attempts, closable}: begun; exhausted (begun too often before); canceled; paused;
-- lost; unknown (no such job).
local id, n, owner, lease = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local job = load_job(id)
if not job then return { 'unknown', 0, 0 } end
local try = read_try(id, n)
if try.owner ~= owner then return { 'lost', try.attempts, 0 } end
local now = now_ms()
local paused = job.state == 'paused'
-- The answer of the first call may have been lost: a pause does not stop what has begun.
if not active(job) and not (paused and try.begun == 1) then
  give_back(job, n, try, now)
  touch(job)
  return { paused and 'paused' or 'canceled', try.attempts, closable(job) }
end
if try.begun == 0 then
  if try.attempts >= MAX_ATTEMPTS then return { 'exhausted', try.attempts, 0 } end
  try.attempts = try.attempts + 1
  try.begun = 1
  write_try(id, n, try)
  set_pace(job, 1)
  redis.call('HSETNX', key(id), 'started', now)
  if job.state == 'queued' then set_state(job, 'running') end
  touch(job)
end
redis.call('ZADD', key(id, 'due'), now + lease, n)
return { 'begun', try.attempts, 0 }
