-- The journal: every request for the service since the last reset, as it was received.

local journal = {}
journal.__index = journal

-- The oldest entries beyond this number are dropped, so that a server that runs for long does not grow.
local CAPACITY = 20000

--- Makes an empty journal.
function journal.new()
    local self = setmetatable({}, journal)
    self:clear()
    return self
end

--- Forgets all entries.
function journal:clear()
    self.entries, self.first, self.last = {}, 1, 0
end

--- Appends an entry.
function journal:add(entry)
    self.last = self.last + 1
    self.entries[self.last] = entry
    if self.last - self.first >= CAPACITY then
        self.entries[self.first] = nil
        self.first = self.first + 1
    end
end

--- The entries, oldest first.
function journal:list()
    local list = {}
    for index = self.first, self.last do
        list[#list + 1] = self.entries[index]
    end
    return list
end

return journal
