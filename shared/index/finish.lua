-- Sets how the job ended, after finished.json says so, and lets it leave the index after an hour.
-- ARGV: id, state (completed or canceled)
-- Returns 1, or 0 where there is no such job or it had ended.
local job = load_job(ARGV[1])
if not job or job.state == 'completed' or job.state == 'canceled' then return 0 end
leave_lane(job)
redis.call('ZREM', 'pc:waiting', job.id)
redis.call('SREM', 'pc:live', job.id)
redis.call('DEL', key(job.id, 'due'), key(job.id, 'tries'), key(job.id, 'parts'))
set_state(job, ARGV[2])
redis.call('HSET', key(job.id), 'finished', now_ms(), 'held', 0)
touch(job)
for _, what in ipairs({ false, 'done', 'failed', 'sealed' }) do redis.call('EXPIRE', key(job.id, what), KEEP_ENDED_S) end
return 1
