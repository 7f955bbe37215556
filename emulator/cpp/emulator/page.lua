-- The page at /: offers, operations and received requests, for a browser. It has no script and loads no other files. It
-- shows no headers, bodies or queries of requests, so it shows no token.

local page = {}

-- The number of newest requests, and of newest operations of an offer, that are shown.
local REQUESTS, OPERATIONS = 100, 10

local HEADERS = {
    { "Content-Type", "text/html; charset=utf-8" },
    { "Cache-Control", "no-store" },
    { "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        .. "frame-ancestors 'none'" },
    { "Referrer-Policy", "no-referrer" },
    { "X-Content-Type-Options", "nosniff" },
}

local DOCUMENT = [[
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<title>Portal emulator</title>
<style>
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5em auto; padding: 0 1em; max-width: 70em }
h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin-top: 1.6em }
div { overflow-x: auto }
table { border-collapse: collapse; width: 100%% }
th, td { text-align: left; padding: .2em 1em .2em 0; border-bottom: 1px solid #8884; white-space: nowrap }
</style>
</head>
<body>
<h1>Portal emulator</h1>
%s
</body>
</html>
]]

-- The text of an element: characters of HTML are escaped, and control characters become question marks.
local function escape(text)
    return (tostring(text):gsub("[&<>\"']", function(character)
        return ("&#%d;"):format(character:byte())
    end):gsub("%c", "?"))
end

local function time(clock, seconds)
    return os.date("!%Y-%m-%d %H:%M:%S", math.floor(clock:wall(seconds)))
end

local function rows_of(title, heads, rows)
    local lines = { ("<h2>%s</h2>"):format(title) }
    if #rows == 0 then
        lines[2] = "<p>None.</p>"
        return table.concat(lines, "\n")
    end
    lines[2] = "<div><table><tr><th>" .. table.concat(heads, "</th><th>") .. "</th></tr>"
    for _, row in ipairs(rows) do
        for index, cell in ipairs(row) do
            row[index] = "<td>" .. escape(cell) .. "</td>"
        end
        lines[#lines + 1] = "<tr>" .. table.concat(row) .. "</tr>"
    end
    lines[#lines + 1] = "</table></div>"
    return table.concat(lines, "\n")
end

-- The current step of an operation, with its progress.
local function step_of(operation, now)
    for _, entry in ipairs(operation:progress(now)) do
        if entry.state ~= "complete" then
            return ("%s, %d %%"):format(entry.step.name, entry.progress)
        end
    end
    return ""
end

-- The rows of the offers, and of their operations, the newest of an offer first.
local function offers_and_operations(state)
    local now, offers, operations = state.clock:now(), {}, {}
    for _, publisher in ipairs(state.service:publisher_names()) do
        for _, offer in ipairs(state.service:offers_of(publisher)) do
            local list, active = offer:listed(), offer:active(now)
            offers[#offers + 1] = { publisher, offer.settings.offer, active and active.kind or "nothing",
                active and step_of(active, now) or "" }
            for index = #list, math.max(1, #list - OPERATIONS + 1), -1 do
                local operation = list[index]
                operations[#operations + 1] = { offer.settings.offer, operation.kind, (operation:state(now)),
                    time(state.clock, operation.created), operation.id }
            end
        end
    end
    return offers, operations
end

local function requests_received(state)
    local list, rows = state.journal:list(), {}
    for index = #list, math.max(1, #list - REQUESTS + 1), -1 do
        local entry = list[index]
        rows[#rows + 1] = { time(state.clock, entry.time), entry.method, entry.path, entry.status or "no response",
            entry.fault or "" }
    end
    return rows
end

--- The response to a request for the page.
function page.answer(state)
    local offers, operations = offers_and_operations(state)
    local parts = {
        rows_of("Offers", { "Publisher", "Offer", "Running", "Step" }, offers),
        rows_of("Operations", { "Offer", "Kind", "State", "Began (UTC)", "Id" }, operations),
        rows_of("Requests received", { "Time (UTC)", "Method", "Path", "Response", "Fault" }, requests_received(state)),
    }
    local headers = table.move(HEADERS, 1, #HEADERS, 1, {})
    return { status = 200, headers = headers, body = DOCUMENT:format(table.concat(parts, "\n")) }
end

return page
