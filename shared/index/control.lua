-- Pauses or resumes a job and gives it a priority. What is canceled or has ended stays as it is.
-- ARGV: id, paused (1 or 0), priority
-- Returns the state, or '' where there is no such job.
local job = load_job(ARGV[1])
if not job then return '' end
local pause, priority = ARGV[2] == '1', ARGV[3]
local paused = job.state == 'paused'
if not paused and not active(job) or (pause == paused and priority == job.priority) then return job.state end
if priority ~= job.priority then
  local queue = lane_of(job) .. ':' .. job.tenant .. ':' .. job.class
  local place_now = redis.call('ZSCORE', queue, job.id)
  job.priority = priority
  redis.call('HSET', key(job.id), 'priority', priority)
  -- It keeps its turn.
  if place_now then redis.call('ZADD', queue, rank(job, tonumber(place_now) % TURNS), job.id) end
end
if pause ~= paused then
  local begun = job.started or job.ended > 0
  set_state(job, pause and 'paused' or begun and 'running' or 'queued')
  -- The rate is counted anew: a pause is no work.
  if begun then redis.call('HSET', key(job.id), 'started', now_ms(), 'before', job.succeeded + job.failed) end
end
touch(job)
place(job, now_ms())
return job.state
