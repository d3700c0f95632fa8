"""What the budget of requests does inside Redis, each a step that no other comes between.

All by the clock of Redis, so that the clocks of workers don't have to agree. Times are whole
microseconds for the pace and milliseconds elsewhere.
"""

#: KEYS: next, pause; ARGV: interval, wanted, horizon, whether fewer will do. Answers how many
#: moments are given, how long until the first of them (or until asking again is worth while), how
#: long a pause still is (ms). Where moments are many, nobody is sent for single ones, unless he was
#: told to wait before: then others may have taken what he waited for.
#: The generic cell rate algorithm, https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm.
TAKE = """
local interval, horizon = tonumber(ARGV[1]), tonumber(ARGV[3])
local pause = redis.call('PTTL', KEYS[2])
if pause > 0 then return {0, pause * 1000, pause} end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local first = tonumber(redis.call('GET', KEYS[1]) or 0)
-- Nobody takes moments so far ahead: the clock was set back.
if first < now or first - now > interval + 60000000 then first = now end
local wanted, most = tonumber(ARGV[2]), math.floor(horizon / interval) + 1
local least = ARGV[4] == '1' and 1 or math.min(wanted, math.ceil(most / 2))
local latest = horizon - (least - 1) * interval
if first - now > latest then return {0, first - now - latest, 0} end
local given = math.min(wanted, math.floor((horizon - first + now) / interval) + 1)
local after = first + given * interval
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1)
return {given, first - now, 0}
"""

#: KEYS: pause; ARGV: milliseconds. A shorter pause takes nothing back from a longer one.
HOLD_OFF = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], 1, 'PX', ARGV[1])
end
"""

#: KEYS: workers and pause of each source; ARGV: this worker, milliseconds that one who says nothing
#: still counts. Answers for each source how many there are, and how long a pause still is.
BEAT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {}
for i = 1, #KEYS, 2 do
    redis.call('ZADD', KEYS[i], now, ARGV[1])
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - ARGV[2])
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
    answer[i] = redis.call('ZCARD', KEYS[i])
    answer[i + 1] = math.max(0, redis.call('PTTL', KEYS[i + 1]))
end
return answer
"""
