-- Takes a job out of everything: it is deleted, or storage does not have it.
-- ARGV: id, tenant
local id = ARGV[1]
local job = load_job(id)
drop(job and job.total and job or { id = id, model = '', pipeline = '', tenant = ARGV[2], class = '' })
redis.call('ZREM', 'pc:jobs:' .. ARGV[2], id)
return 1
