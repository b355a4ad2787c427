#include "wire.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

json::value nullable(const std::optional<std::string>& text) {
    return text ? json::value(*text) : json::value(nullptr);
}

std::string_view kind_of(const json::value& value) {
    switch (value.kind()) {
    case json::kind::null:
        return "null";
    case json::kind::bool_:
        return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
        return "an integer";
    case json::kind::double_:
        return "a decimal number";
    case json::kind::string:
        return "a string";
    case json::kind::array:
        return "an array";
    case json::kind::object:
        return "an object";
    }
    return "a value";
}

refusal wrong_kind(std::string_view param, std::string_view expected, const json::value& got) {
    return invalid("Invalid type for '" + std::string(param) + "': expected " + std::string(expected) +
                       ", but got " + std::string(kind_of(got)) + " instead.",
                   std::string(param), "invalid_type");
}

refusal out_of_range(std::string_view param, std::string_view kind, bool above, const std::string& bound,
                     const std::string& got) {
    const std::string side = above ? "above maximum" : "below minimum";
    return invalid("Invalid '" + std::string(param) + "': " + std::string(kind) + " " + side +
                       " value. Expected a value " + (above ? "<= " : ">= ") + bound + ", but got " + got +
                       " instead.",
                   std::string(param), std::string(kind) + (above ? "_above_max_value" : "_below_min_value"));
}

template <class Number> std::optional<Number> number_in(const json::string& text) {
    Number out{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return out;
}

std::string short_text(double value) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

constexpr std::size_t most_texts = 2048;

void add_text(text_input& into, std::string_view name, const json::string& text) {
    if (text.empty())
        throw invalid("Invalid '" + std::string(name) + "': a text cannot be an empty string.",
                      std::string(name), "empty_string");
    into.texts.emplace_back(text);
    into.tokens += split_tokens(into.texts.back()).size();
}

void add_tokens(text_input& into, std::string_view name, const json::array& tokens) {
    std::string text;
    for (const json::value& token : tokens) {
        if (!token.is_int64() || token.get_int64() < 0)
            throw wrong_type(name, "texts alone, or tokens alone");
        text += (text.empty() ? "" : " ") + std::to_string(token.get_int64());
    }
    if (tokens.empty())
        throw invalid("Invalid '" + std::string(name) + "': a list of tokens cannot be empty.",
                      std::string(name), "empty_array");
    into.texts.push_back(std::move(text));
    into.tokens += tokens.size();
}

} // namespace

refusal invalid(std::string message, std::optional<std::string> param, std::optional<std::string> code) {
    return {400, {std::move(message), "invalid_request_error", std::move(param), std::move(code)}};
}

refusal missing(std::string_view param) {
    const std::string name(param);
    return invalid("Missing required parameter: '" + name + "'.", name, "missing_required_parameter");
}

refusal wrong_type(std::string_view param, std::string_view expected) {
    const std::string name(param);
    return invalid("Invalid type for '" + name + "': expected " + std::string(expected) + ".", name,
                   "invalid_type");
}

std::string error_body(const api_error& error) {
    const json::object inner{{"message", error.message},
                             {"type", error.type},
                             {"param", nullable(error.param)},
                             {"code", nullable(error.code)}};
    return json::serialize(json::object{{"error", inner}});
}

fields::fields(std::string_view body) {
    boost::system::error_code ec;
    json::value document = json::parse(json::string_view(body.data(), body.size()), ec);
    if (ec || !document.is_object())
        throw invalid("We could not parse the JSON body of your request. The API expects a JSON object.");
    object_ = std::move(document.get_object());
}

const json::value* fields::find(std::string_view name) const {
    const json::value* value = object_.if_contains(json::string_view(name.data(), name.size()));
    return value == nullptr || value->is_null() ? nullptr : value;
}

const json::value& fields::need(std::string_view name) const {
    const json::value* value = find(name);
    if (value == nullptr) throw missing(name);
    return *value;
}

std::optional<std::string> fields::text(std::string_view name) const {
    const json::value* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) throw wrong_kind(name, "a string", *value);
    return std::string(value->get_string());
}

std::string fields::need_text(std::string_view name) const {
    need(name);
    return *text(name);
}

bool fields::flag(std::string_view name) const {
    const json::value* value = find(name);
    if (value == nullptr) return false;
    if (value->is_bool()) return value->get_bool();
    if (from_form_ && value->is_string()) {
        const json::string& text = value->get_string();
        if (text == "true" || text == "1") return true;
        if (text == "false" || text == "0") return false;
    }
    throw wrong_kind(name, "a boolean", *value);
}

std::optional<std::int64_t> fields::integer(std::string_view name, std::int64_t low,
                                            std::int64_t high) const {
    const json::value* value = find(name);
    if (value == nullptr) return std::nullopt;
    std::optional<std::int64_t> out;
    if (value->is_int64()) out = value->get_int64();
    if (from_form_ && value->is_string()) out = number_in<std::int64_t>(value->get_string());
    if (!out) throw wrong_kind(name, "an integer", *value);
    if (*out < low || *out > high)
        throw out_of_range(name, "integer", *out > high, std::to_string(*out > high ? high : low),
                           std::to_string(*out));
    return out;
}

std::optional<double> fields::number(std::string_view name, double low, double high) const {
    const json::value* value = find(name);
    if (value == nullptr) return std::nullopt;
    std::optional<double> out;
    if (value->is_number()) out = value->to_number<double>();
    if (from_form_ && value->is_string()) out = number_in<double>(value->get_string());
    if (!out) throw wrong_kind(name, "a decimal number", *value);
    if (!(*out >= low && *out <= high))
        throw out_of_range(name, "decimal", *out > high, short_text(*out > high ? high : low),
                           short_text(*out));
    return out;
}

std::optional<std::string> fields::word(std::string_view name,
                                        std::initializer_list<std::string_view> known) const {
    const std::optional<std::string> value = text(name);
    if (!value || std::find(known.begin(), known.end(), *value) != known.end()) return value;
    std::string list;
    for (const std::string_view one : known)
        list += (list.empty() ? "'" : one == *(known.end() - 1) ? " and '" : ", '") + std::string(one) + "'";
    throw invalid("Invalid value: '" + *value + "'. Supported values are: " + list + ".", std::string(name),
                  "invalid_value");
}

std::string fields::model() const {
    const json::value* value = find("model");
    if (value == nullptr || !value->is_string() || value->get_string().empty())
        throw invalid("you must provide a model parameter", "model");
    return std::string(value->get_string());
}

text_input read_text_input(const fields& in, std::string_view name) {
    const json::value& value = in.need(name);
    text_input out;
    if (value.is_string()) {
        add_text(out, name, value.get_string());
        return out;
    }
    if (!value.is_array()) throw wrong_kind(name, "a string or an array", value);
    const json::array& list = value.get_array();
    if (list.empty() || list.size() > most_texts)
        throw invalid("Invalid '" + std::string(name) + "': expected 1 to " + std::to_string(most_texts) +
                          " texts.",
                      std::string(name), list.empty() ? "empty_array" : "array_above_max_length");
    if (list.front().is_int64()) {
        add_tokens(out, name, list);
        return out;
    }
    for (const json::value& item : list) {
        if (item.kind() != list.front().kind() || !(item.is_string() || item.is_array()))
            throw wrong_type(name, "texts alone, or tokens alone");
        if (item.is_string())
            add_text(out, name, item.get_string());
        else
            add_tokens(out, name, item.get_array());
    }
    return out;
}

std::vector<std::string> split_tokens(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    std::vector<std::string> out;
    while (!text.empty()) {
        const std::size_t word = text.find_first_not_of(blanks);
        const std::size_t end = word == text.npos ? text.npos : text.find_first_of(blanks, word);
        out.emplace_back(text.substr(0, end));
        text.remove_prefix(end == text.npos ? text.size() : end);
    }
    return out;
}

std::string numbered(const std::string& prefix, std::uint64_t number) {
    std::string digits = std::to_string(number);
    if (digits.size() < 10) digits.insert(0, 10 - digits.size(), '0');
    return prefix + digits;
}

std::int64_t seconds_now() { return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()); }

std::uint64_t hash_of(std::string_view text) {
    std::uint64_t out = 0xcbf29ce484222325;
    for (const char c : text) out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return out;
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i)
            group = group << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0);
        for (std::size_t i = 0; i < 4; ++i)
            out += at + i > bytes.size() ? '=' : digits[group >> (18 - 6 * i) & 63];
    }
    return out;
}

} // namespace modelmesh::testing::detail
