-- Stops what has not begun.
-- ARGV: id
-- Returns {state, closable}, or {} where there is no such job.
local job = load_job(ARGV[1])
if not job then return {} end
if active(job) or job.state == 'paused' then
  set_state(job, 'canceling')
  touch(job)
  leave_lane(job)
  redis.call('ZREM', 'pc:waiting', job.id)
end
return { job.state, closable(job) }
