-- What the scripts share. It stands before each of them when they are loaded.
--
-- pc:job:<id>          hash: spec, tenant, model, pipeline, class, priority, total, cursor, state, revision, succeeded,
--                      failed, ended (done bits), held (items under a lease), pace (items that one claim may take),
--                      created, started (or resumed), finished (ms), before (outcomes by then), rebuilt (1: it was registered from storage, and who had begun
--                      what before that is not known), run (the life of the server in which it was registered)
-- pc:job:<id>:done     bitmap: the item has ended          pc:job:<id>:failed   bitmap: set only where done is
-- pc:job:<id>:sealed   bitmap: set only where done is: the item was canceled, which has a record
-- pc:job:<id>:due      sorted set: item -> ms when it may be claimed (end of its lease or of its wait)
-- pc:job:<id>:tries    hash: item -> attempts|begun|owner, only for items in due; no owner: nobody holds it
-- pc:job:<id>:parts    set: parts that ended and have no report yet
-- pc:lanes:<model>     set of pipeline versions            pc:lane:<model>:<p>  sorted set: tenant -> turn
-- pc:lane:<model>:<p>:<tenant>:<class>  sorted set: job -> priority, then turn; class is small or large
-- pc:waiting           sorted set: job with nothing to claim now -> ms when to look again
-- pc:live              set of jobs that have not ended     pc:models            set of models they want
-- pc:heard             hash: host -> ms of its last claim or renewal
-- pc:closing:<id>:<part>  somebody writes the report of a part, or of none: the end of the job; lasts half a minute
-- pc:jobs:<tenant>     sorted set: the newest jobs -> ms   pc:turn, pc:claims   counters behind fairness

local MAX_ATTEMPTS = 5
local KEEP_ENDED_S = 3600
local KEEP_LISTED = 10000
local BULK_EVERY = 8
local MAX_PACE = 64

-- What stands before a turn in a lane, the first first. There will never be as many turns.
local RANK = { high = 0, normal = 1, low = 2 }
local TURNS = 1e15

local function now_us()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

local function now_ms() return math.floor(now_us() / 1000) end

local function key(id, what) return 'pc:job:' .. id .. (what and (':' .. what) or '') end

-- This life of the server.
local run
local function this_run()
  run = run or string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  return run
end

local drop

-- What an earlier life left, in a snapshot, a log or a replica, may be older than storage: a canceled job would go on
-- after its end. It is dropped, as is what is left of a hash that lost its fields, and registered again from storage.
local function load_job(id)
  local flat = redis.call('HGETALL', key(id))
  if #flat == 0 then return nil end
  local job = { id = id }
  for i = 1, #flat, 2 do job[flat[i]] = flat[i + 1] end
  if job.run ~= this_run() then
    drop(job.total and job or { id = id, model = '', pipeline = '', tenant = '', class = '' })
    return nil
  end
  for _, name in ipairs({ 'total', 'cursor', 'succeeded', 'failed', 'ended', 'held' }) do job[name] = tonumber(job[name]) end
  job.pace = tonumber(job.pace or 1)
  return job
end

local function active(job) return job.state == 'queued' or job.state == 'running' end

-- Nothing will change any more: every item has ended, or the job is canceled and nobody holds an item. Books that do not
-- balance are no ground to end a job on: an audit will drop them.
local function closable(job)
  local over = job.ended == job.total or (job.state == 'canceling' and job.held == 0)
  local sound = over and redis.call('BITCOUNT', key(job.id, 'done')) == job.ended
    and redis.call('BITCOUNT', key(job.id, 'failed')) == job.failed
  return sound and 1 or 0
end

local function add(job, field, by)
  job[field] = job[field] + by
  redis.call('HINCRBY', key(job.id), field, by)
end

local function set_state(job, state)
  job.state = state
  redis.call('HSET', key(job.id), 'state', state)
end

-- How many items a claim takes: more and more while they end without being begun, since they cost next to nothing;
-- one as soon as one is begun or comes back, so that nobody holds what others could work on.
local function set_pace(job, pace)
  if job.pace ~= pace then redis.call('HSET', key(job.id), 'pace', pace) end
  job.pace = pace
end

local function touch(job) redis.call('HINCRBY', key(job.id), 'revision', 1) end

local function read_try(id, n)
  local text = redis.call('HGET', key(id, 'tries'), n)
  if not text then return { attempts = 0, begun = 0, owner = '' } end
  local attempts, begun, owner = string.match(text, '^(%d+)|(%d)|(.*)$')
  return { attempts = tonumber(attempts), begun = tonumber(begun), owner = owner }
end

local function write_try(id, n, try)
  redis.call('HSET', key(id, 'tries'), n, try.attempts .. '|' .. try.begun .. '|' .. try.owner)
end

local function lane_of(job) return 'pc:lane:' .. job.model .. ':' .. job.pipeline end

local function leave_lane(job)
  local lane = lane_of(job)
  local tenant = lane .. ':' .. job.tenant
  redis.call('ZREM', tenant .. ':' .. job.class, job.id)
  if redis.call('EXISTS', tenant .. ':small', tenant .. ':large') == 0 then redis.call('ZREM', lane, job.tenant) end
end

-- A job's place in its lane.
local function rank(job, turn) return string.format('%.0f', RANK[job.priority] * TURNS + turn) end

local function enter_lane(job)
  local lane = lane_of(job)
  local turn = redis.call('INCR', 'pc:turn')
  redis.call('ZADD', lane .. ':' .. job.tenant .. ':' .. job.class, 'NX', rank(job, turn), job.id)
  redis.call('ZADD', lane, 'NX', turn, job.tenant)
  redis.call('SADD', 'pc:lanes:' .. job.model, job.pipeline)
  redis.call('ZREM', 'pc:waiting', job.id)
end

-- Puts the job where its next claim will be looked for: in its lane now, among the waiting later, or nowhere.
local function place(job, now)
  local first = redis.call('ZRANGE', key(job.id, 'due'), 0, 0, 'WITHSCORES')
  local ready = active(job) and (job.cursor < job.total or (first[2] and tonumber(first[2]) <= now))
  if ready then
    enter_lane(job)
    return
  end
  leave_lane(job)
  if active(job) and first[2] then
    redis.call('ZADD', 'pc:waiting', first[2], job.id)
  else
    redis.call('ZREM', 'pc:waiting', job.id)
  end
end

-- Takes the item from whoever holds it; it may be claimed again from `at` on.
local function give_back(job, n, try, at)
  try.begun = 0
  try.owner = ''
  write_try(job.id, n, try)
  redis.call('ZADD', key(job.id, 'due'), at, n)
  add(job, 'held', -1)
end

-- Takes the item from whoever held it too long. One that was begun waits, 1 to 30 s by its attempts and jittered, so
-- that what kills workers does not kill them one after the other; one that was not is free at once.
local function lapse(job, n, try, now)
  touch(job)
  local at = now
  if try.begun == 1 then
    -- The script's own generator gives the same numbers at each call; the clock's last digits do not.
    local jitter = now_us() % 1000 / 1000
    at = now + math.floor(math.min(30000, 1000 * 2 ^ (try.attempts - 1) * (1 + jitter)))
  end
  give_back(job, n, try, at)
  return at
end

local function lapse_all(job, now)
  for _, n in ipairs(redis.call('ZRANGEBYSCORE', key(job.id, 'due'), '-inf', now)) do
    local try = read_try(job.id, n)
    if try.owner ~= '' then lapse(job, n, try, now) end
  end
end

drop = function(job)
  leave_lane(job)
  redis.call('ZREM', 'pc:waiting', job.id)
  redis.call('SREM', 'pc:live', job.id)
  redis.call('DEL', key(job.id), key(job.id, 'done'), key(job.id, 'failed'), key(job.id, 'due'), key(job.id, 'tries'),
    key(job.id, 'parts'), key(job.id, 'sealed'))
end
