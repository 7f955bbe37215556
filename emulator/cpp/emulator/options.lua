-- Checks of tables from the control interface and scenario files: an unknown option is an error, not a setting without
-- effect.

local options = {}

--- Raises an error unless every key of a table is known and has a value of its type.
-- @param values the table
-- @param known name of the option to its type, alternatives separated by "|" (e.g. "number|string")
-- @param where what the table is, for the message
function options.check(values, known, where)
    if type(values) ~= "table" then
        error(where .. ": an object is needed, not a " .. type(values), 0)
    end
    for name, value in pairs(values) do
        local types = known[name]
        if not types then
            error(string.format("%s: unknown option '%s'", where, tostring(name)), 0)
        end
        if not ("|" .. types .. "|"):find("|" .. type(value) .. "|", 1, true) then
            error(string.format("%s: option '%s' is a %s, not a %s", where, name, types, type(value)), 0)
        end
    end
    return values
end

--- Raises an error unless a value is one of a list.
function options.one_of(value, list, where)
    for _, allowed in ipairs(list) do
        if value == allowed then
            return value
        end
    end
    error(string.format("%s: '%s' is none of: %s", where, tostring(value), table.concat(list, ", ")), 0)
end

--- Raises an error unless a header can be sent unchanged (a line break may only fold the line).
function options.header(name, value, where)
    if type(name) ~= "string" or not name:match("^[^:%s]+$") then
        error(where .. ": a header needs a name without blanks and colons", 0)
    end
    if type(value) ~= "string" and type(value) ~= "number" then
        error(where .. ": the value of header '" .. name .. "' has to be a string", 0)
    end
    value = tostring(value)
    if value:find("\n[^ ]") or value:sub(-1) == "\n" then
        error(where .. ": the value of header '" .. name .. "' would end the header", 0)
    end
end

return options
