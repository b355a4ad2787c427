#include "script.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

[[noreturn]] void fail(const std::string& place, const std::string& problem) {
    throw std::invalid_argument("simulator script: " + place + ": " + problem);
}

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

template <class Names> std::string listed(const Names& names) {
    std::string out;
    for (const auto& name : names) {
        if (!out.empty()) out += ", ";
        out += name;
    }
    return out;
}

json::value parse_text(std::string_view text) {
    json::stream_parser parser;
    boost::system::error_code ec;
    const std::size_t read = parser.write_some(text.data(), text.size(), ec);
    if (!ec && read == text.size()) parser.finish(ec);
    if (!ec && read == text.size()) return parser.release();
    const std::string_view before = text.substr(0, read);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const auto column = before.size() - (before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1) + 1;
    fail("line " + std::to_string(line) + ", column " + std::to_string(column),
         "not valid JSON (" + (ec ? ec.message() : std::string("text after the end of the document")) + ")");
}

/// One object of the script. Every key asked for becomes a known key; finish() refuses the others.
class object_reader {
public:
    object_reader(const json::value& value, std::string place) : place_(std::move(place)) {
        if (!value.is_object()) fail(place_, "must be an object");
        object_ = &value.get_object();
    }

    const std::string& place() const { return place_; }
    std::string place_of(std::string_view key) const { return place_ + "." + std::string(key); }

    const json::value* find(std::string_view key) {
        known_.push_back(key);
        return object_->if_contains(key);
    }

    std::optional<std::string> text(std::string_view key) {
        const json::value* value = find(key);
        if (value == nullptr) return std::nullopt;
        if (!value->is_string()) fail(place_of(key), "must be a string");
        return std::string(value->get_string());
    }

    std::optional<bool> flag(std::string_view key) {
        const json::value* value = find(key);
        if (value == nullptr) return std::nullopt;
        if (!value->is_bool()) fail(place_of(key), "must be true or false");
        return value->get_bool();
    }

    std::optional<std::int64_t> integer(std::string_view key, std::int64_t low, std::int64_t high) {
        const json::value* value = find(key);
        if (value == nullptr) return std::nullopt;
        if (!value->is_int64() || value->get_int64() < low || value->get_int64() > high)
            fail(place_of(key),
                 "must be an integer from " + std::to_string(low) + " to " + std::to_string(high));
        return value->get_int64();
    }

    std::optional<std::chrono::milliseconds> milliseconds(std::string_view key) {
        const auto count = integer(key, 0, 3'600'000);
        if (!count) return std::nullopt;
        return std::chrono::milliseconds(*count);
    }

    /// A word out of a list; the enumerator, or number, is its position there.
    template <class Enum, std::size_t N>
    std::optional<Enum> word(std::string_view key, const std::array<std::string_view, N>& words) {
        const auto value = text(key);
        if (!value) return std::nullopt;
        const auto at = std::find(words.begin(), words.end(), *value);
        if (at == words.end()) fail(place_of(key), quoted(*value) + " is not one of " + listed(words));
        return static_cast<Enum>(at - words.begin());
    }

    void finish() const {
        for (const auto& member : *object_)
            if (std::find(known_.begin(), known_.end(), std::string_view(member.key())) == known_.end())
                fail(place_, "unknown key " + quoted(member.key()) + "; known here: " + listed(known_));
    }

private:
    const json::object* object_ = nullptr;
    std::string place_;
    std::vector<std::string_view> known_;
};

constexpr std::int64_t many = 1'000'000'000;

std::optional<std::uint64_t> count(object_reader& in, std::string_view key, std::int64_t low) {
    const auto value = in.integer(key, low, many);
    if (!value) return std::nullopt;
    return static_cast<std::uint64_t>(*value);
}

api_error read_error(const json::value& value, const std::string& place, int status) {
    object_reader in(value, place);
    api_error out = default_error(status);
    if (auto text = in.text("message")) out.message = std::move(*text);
    if (auto text = in.text("type")) out.type = std::move(*text);
    if (auto text = in.text("param")) out.param = std::move(text);
    if (auto text = in.text("code")) out.code = std::move(text);
    in.finish();
    return out;
}

bool is_header_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c == '\t' || (c >= ' ' && c != 127); });
}

std::vector<std::pair<std::string, std::string>> read_headers(const json::value& value,
                                                              const std::string& place) {
    if (!value.is_object()) fail(place, "must be an object of strings");
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& member : value.get_object()) {
        const std::string name(member.key());
        if (!member.value().is_string()) fail(place + "." + name, "must be a string");
        const std::string text(member.value().get_string());
        if (name.empty() || name.find_first_of(" \t\r\n:") != name.npos || !is_header_text(text))
            fail(place + "." + name, "must be a header name and a value without line breaks");
        out.emplace_back(name, text);
    }
    return out;
}

wait_hint read_wait(const json::value& value, const std::string& place) {
    object_reader in(value, place);
    wait_hint out;
    const auto delay = in.milliseconds("in_ms");
    if (!delay) fail(place, "needs \"in_ms\", the time to wait");
    out.delay = *delay;
    constexpr std::array<std::string_view, 3> forms{"seconds", "date", "milliseconds"};
    out.form = in.word<wait_form>("as", forms).value_or(wait_form::seconds);
    in.finish();
    return out;
}

cut_point read_cut(const json::value& value, const std::string& place) {
    object_reader in(value, place);
    cut_point out;
    out.after_bytes = count(in, "after_bytes", 0);
    out.after_events = count(in, "after_events", 0);
    if (out.after_bytes.has_value() == out.after_events.has_value())
        fail(place, "needs either \"after_bytes\" or \"after_events\"");
    constexpr std::array<std::string_view, 4> endings{"reset", "close", "fin", "hang"};
    out.how = in.word<ending>("how", endings).value_or(ending::reset);
    in.finish();
    return out;
}

std::vector<scripted_call> read_calls(const json::value& value, const std::string& place) {
    if (!value.is_array() || value.get_array().empty()) fail(place, "must be a list of at least one call");
    std::vector<scripted_call> out;
    for (const json::value& item : value.get_array()) {
        object_reader in(item, place + "[" + std::to_string(out.size()) + "]");
        scripted_call call;
        auto name = in.text("name");
        if (!name || name->empty()) fail(in.place(), "needs \"name\", the name of the function");
        call.name = std::move(*name);
        const json::value* arguments = in.find("arguments");
        if (arguments == nullptr) fail(in.place(), "needs \"arguments\", an object or a string");
        call.arguments =
            arguments->is_string() ? std::string(arguments->get_string()) : json::serialize(*arguments);
        in.finish();
        out.push_back(std::move(call));
    }
    return out;
}

rule read_rule(const json::value& value, const std::string& place) {
    object_reader in(value, place);
    rule out;
    if (const auto known = in.word<std::size_t>("path", scripted_paths))
        out.path = std::string(scripted_paths[*known]);
    out.model = in.text("model");
    out.stream = in.flag("stream");
    if (const json::value* times = in.find("times")) {
        if (times->is_string() && times->get_string() == "always") {
            out.uses_left = std::nullopt;
        } else if (times->is_int64() && times->get_int64() >= 1) {
            out.uses_left = static_cast<std::uint64_t>(times->get_int64());
        } else {
            fail(in.place_of("times"), "must be an integer from 1 or \"always\"");
        }
    }
    out.latency = in.milliseconds("latency_ms").value_or(out.latency);
    out.pace = in.milliseconds("pace_ms").value_or(out.pace);

    out.status = static_cast<int>(in.integer("status", 200, 599).value_or(200));
    if (out.status > 200 && out.status < 400) fail(in.place_of("status"), "must be 200 or from 400 to 599");
    out.error_after_events = count(in, "error_after_events", 0);
    if (const json::value* error = in.find("error")) {
        if (out.status == 200 && !out.error_after_events)
            fail(in.place_of("error"), "needs a \"status\" from 400 to 599 or \"error_after_events\"");
        out.error = read_error(*error, in.place_of("error"), out.status);
    }
    if (out.error_after_events && out.status != 200)
        fail(in.place_of("error_after_events"), "cannot follow a \"status\" other than 200");
    if (const json::value* headers = in.find("headers"))
        out.headers = read_headers(*headers, in.place_of("headers"));
    if (const json::value* wait = in.find("retry_after"))
        out.retry_after = read_wait(*wait, in.place_of("retry_after"));

    out.text = in.text("text");
    out.tokens = count(in, "tokens", 0);
    if (const json::value* calls = in.find("tool_calls"))
        out.tool_calls = read_calls(*calls, in.place_of("tool_calls"));
    const json::value* document = in.find("json");
    if (int(out.text.has_value()) + int(out.tokens.has_value()) + int(document != nullptr) > 1)
        fail(in.place(), "takes one of \"text\", \"tokens\" and \"json\"");
    if (document != nullptr) out.text = json::serialize(*document);
    out.finish_reason = in.text("finish_reason");

    if (const json::value* cut = in.find("cut")) out.cut = read_cut(*cut, in.place_of("cut"));
    constexpr std::array<std::string_view, 4> damages{"none", "head", "chunk", "json"};
    out.malformed = in.word<damage>("malformed", damages).value_or(damage::none);
    out.content_length_off_by = in.integer("content_length_off_by", -many, many).value_or(0);
    out.done = in.flag("done").value_or(true);
    in.finish();
    return out;
}

} // namespace

api_error default_error(int status) {
    switch (status) {
    case 400:
        return {"Invalid request.", "invalid_request_error", std::nullopt, std::nullopt};
    case 401:
        return {"Incorrect API key provided.", "invalid_request_error", std::nullopt, "invalid_api_key"};
    case 403:
        return {"You are not allowed to do this.", "permission_error", std::nullopt, "permission_denied"};
    case 404:
        return {"The requested resource was not found.", "invalid_request_error", std::nullopt, "not_found"};
    case 429:
        return {"Rate limit reached for requests.", "requests", std::nullopt, "rate_limit_exceeded"};
    case 503:
        return {"The engine is currently overloaded.", "server_error", std::nullopt, "overloaded"};
    default:
        break;
    }
    if (status >= 400 && status < 500)
        return {"The request was refused.", "invalid_request_error", std::nullopt, std::nullopt};
    return {"The server had an error while processing your request.", "server_error", std::nullopt,
            std::nullopt};
}

script script::parse(std::string_view text) {
    script out;
    if (text.find_first_not_of(" \t\r\n") == text.npos) return out;
    const json::value document = parse_text(text);
    object_reader in(document, "the document");
    const json::value* rules = in.find("rules");
    if (rules == nullptr || !rules->is_array()) fail("the document", "needs \"rules\", a list of objects");
    in.finish();
    for (const json::value& item : rules->get_array())
        out.rules_.push_back(read_rule(item, "rules[" + std::to_string(out.rules_.size()) + "]"));
    return out;
}

rule script::next(std::string_view path, std::string_view model, bool stream) {
    for (rule& candidate : rules_) {
        if (candidate.path && *candidate.path != path) continue;
        if (candidate.model && *candidate.model != model) continue;
        if (candidate.stream && *candidate.stream != stream) continue;
        if (candidate.uses_left) {
            if (*candidate.uses_left == 0) continue;
            --*candidate.uses_left;
        }
        return candidate;
    }
    return {};
}

} // namespace modelmesh::testing::detail
