-- A seeded generator: the same seed gives the same identifiers and the same faults on every machine,
-- which math.random (the C library's rand) does not promise.

local random = {}
random.__index = random

local MODULUS, MULTIPLIER = 2147483647, 16807

--- Makes a generator (Park and Miller's minimal standard; its products stay exact in a double).
-- @param seed an integer
function random.new(seed)
    local state = math.abs(math.floor(seed)) % MODULUS
    local self = setmetatable({ state = state == 0 and 1 or state }, random)
    -- The first values after a small seed are small themselves.
    for _ = 1, 3 do
        self:fraction()
    end
    return self
end

--- The next number, at least 0 and below 1.
function random:fraction()
    self.state = self.state * MULTIPLIER % MODULUS
    return self.state / MODULUS
end

--- The next identifier, in the form of a version 4 UUID (RFC 9562).
function random:guid()
    local function bits(count)
        return math.floor(self:fraction() * 2 ^ count)
    end
    return string.format("%04x%04x-%04x-4%03x-%04x-%04x%04x%04x", bits(16), bits(16), bits(16), bits(12),
        0x8000 + bits(14), bits(16), bits(16), bits(16))
end

return random
