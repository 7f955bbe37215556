-- Reading requests: paths, queries, forms and credentials.

local util = require "http.util"

local requests = {}

--- Splits a request target as received into its path and its query (without the question mark).
function requests.split(target)
    local path, query = target:match("^([^?]*)%??(.*)$")
    return path, query
end

--- Decodes the percent signs of a text.
requests.decode = util.decodeURIComponent

--- The segments of a path, each decoded on its own: an encoded slash belongs to its segment.
function requests.segments(path)
    local segments = {}
    for segment in path:gmatch("/([^/]*)") do
        segments[#segments + 1] = util.decodeURIComponent(segment)
    end
    return segments
end

--- The fields of a query or of a form body (application/x-www-form-urlencoded).
function requests.fields(text)
    local fields = {}
    for name, value in util.query_args((text:gsub("+", "%%20"))) do
        fields[name] = value or ""
    end
    return fields
end

--- The token of an Authorization header, or nil.
function requests.bearer(value)
    if not value then
        return nil
    end
    local scheme, token = value:match("^(%S+) +(%S+)$")
    return scheme and scheme:lower() == "bearer" and token or nil
end

return requests
