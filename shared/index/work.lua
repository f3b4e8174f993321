-- Adds up what open jobs amount to, by model.
-- ARGV: ids of open jobs; one that is not there counts nothing
-- Returns {model, id of one of its jobs, items that wait in small jobs, in large jobs, items that run, jobs to close, ...}.
local sums, order = {}, {}
for _, id in ipairs(ARGV) do
  local job = redis.call('HMGET', 'pc:job:' .. id, 'model', 'state', 'class', 'total', 'ended', 'held')
  local model, state = job[1], job[2]
  if model and state then
    local left, held = tonumber(job[4]) - tonumber(job[5]), tonumber(job[6])
    local sum = sums[model]
    if not sum then
      sum = { id = id, small = 0, large = 0, running = 0, closing = 0 }
      sums[model] = sum
      order[#order + 1] = model
    end
    sum.running = sum.running + held
    if state == 'queued' or state == 'running' then sum[job[3]] = sum[job[3]] + left - held end
    if held == 0 and (left == 0 or state == 'canceling') then sum.closing = sum.closing + 1 end
  end
end
local reply = {}
for _, model in ipairs(order) do
  local sum = sums[model]
  for _, value in ipairs({ model, sum.id, sum.small, sum.large, sum.running, sum.closing }) do reply[#reply + 1] = value end
end
return reply
