-- Charges a tenant for what it asks for, and refuses what is beyond its quotas.
--
-- pc:quota:<tenant>  hash: paid (ms until which its requests are spread out at the steady pace), day (since the epoch,
--                    UTC), bytes and pixels of that day; gone two days after its last use
-- pc:open            hash: tenant -> items that have not ended; `tally` counts them anew
--
-- ARGV: tenant, requests (0 or 1), bytes, pixels, items; then the most requests a second, bytes a day, pixels a day and
-- open items, where 0 is no limit
-- Returns {what is used up or '', ms until there is more, requests left, bytes, pixels, open items, ms left of the day}.
local tenant = ARGV[1]
local requests, bytes, pixels, items = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local most_requests, most_bytes = tonumber(ARGV[6]), tonumber(ARGV[7])
local most_pixels, most_items = tonumber(ARGV[8]), tonumber(ARGV[9])

local DAY_MS = 86400000
local KEEP_S = 172800
local KEEP_OPEN_S = 3600

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local day = math.floor(now / DAY_MS)
local rest = (day + 1) * DAY_MS - now
local name = 'pc:quota:' .. tenant
local book = redis.call('HMGET', name, 'paid', 'day', 'bytes', 'pixels')
local same = tonumber(book[2] or -1) == day
local spent_bytes = same and tonumber(book[3]) or 0
local spent_pixels = same and tonumber(book[4]) or 0
local open = tonumber(redis.call('HGET', 'pc:open', tenant) or 0)
local paid = math.max(tonumber(book[1] or 0), now)

local refused, wait = '', 0
if requests > 0 and most_requests > 0 then
  -- Generic cell rate algorithm (ITU-T I.371): a second's worth may come at once, then one each 1/most_requests.
  local step = 1000 / most_requests
  if paid + step > now + 1000 then
    refused, wait = 'requests', paid + step - now - 1000
  else
    paid = paid + step
  end
end
if refused == '' then
  if bytes > 0 and most_bytes > 0 and spent_bytes + bytes > most_bytes then
    refused, wait = 'bytes', rest
  elseif items > 0 and most_pixels > 0 and spent_pixels >= most_pixels then
    refused, wait = 'megapixels', rest
  elseif items > 0 and most_items > 0 and open + items > most_items then
    refused = 'open-items'
  else
    spent_bytes, spent_pixels = spent_bytes + bytes, spent_pixels + pixels
    if items > 0 then
      open = open + items
      redis.call('HINCRBY', 'pc:open', tenant, items)
      redis.call('EXPIRE', 'pc:open', KEEP_OPEN_S)
    end
  end
end
redis.call('HSET', name, 'paid', string.format('%.3f', paid), 'day', day, 'bytes', string.format('%.0f', spent_bytes),
  'pixels', string.format('%.0f', spent_pixels))
redis.call('EXPIRE', name, KEEP_S)
local left = most_requests > 0 and math.floor((now + 1000 - paid) * most_requests / 1000 + 0.001) or 0
return { refused, math.ceil(wait), math.max(0, left), spent_bytes, spent_pixels, open, rest }
