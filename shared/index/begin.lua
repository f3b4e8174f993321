-- Starts one claimed item and counts the attempt.
-- ARGV: id, item, owner, lease ms
-- Returns {verdict, attempts, closable}: begun; exhausted (begun too often before); canceled; lost; unknown (no such job).
local id, n, owner, lease = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local job = load_job(id)
if not job then return { 'unknown', 0, 0 } end
local try = read_try(id, n)
if try.owner ~= owner then return { 'lost', try.attempts, 0 } end
local now = now_ms()
if not active(job) then
  try.owner = ''
  try.begun = 0
  write_try(id, n, try)
  add(job, 'held', -1)
  touch(job)
  return { 'canceled', try.attempts, closable(job) }
end
if try.begun == 0 then
  if try.attempts >= MAX_ATTEMPTS then return { 'exhausted', try.attempts, 0 } end
  try.attempts = try.attempts + 1
  try.begun = 1
  write_try(id, n, try)
  redis.call('HSETNX', key(id), 'started', now)
  if job.state == 'queued' then set_state(job, 'running') end
  touch(job)
end
redis.call('ZADD', key(id, 'due'), now + lease, n)
return { 'begun', try.attempts, 0 }
