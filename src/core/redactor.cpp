#include <modelmesh/core/redactor.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace modelmesh {
namespace {

constexpr std::string_view secret_names[] = {
    "api_key",
    "apikey",
    "x_api_key",
    "key_pem",
    "private_key",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "bearer_token",
    "secret",
    "client_secret",
    "secret_key",
    "password",
    "passwd",
    "authorization",
    "proxy_authorization",
    "credentials",
};

// How keys of vendors begin, and what stands before one in a header.
struct opening {
    std::string_view text;
    std::size_t least; ///< characters behind it that make it one
};
constexpr opening openings[] = {
    {"sk-", 12}, {"gsk_", 12}, {"xai-", 12},   {"AIza", 20},  {"ghp_", 20},
    {"hf_", 16}, {"AKIA", 16}, {"Bearer ", 8}, {"Basic ", 8},
};

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == '-' ? '_' : c;
}
bool same_name(std::string_view given, std::string_view known) noexcept {
    return std::equal(given.begin(), given.end(), known.begin(), known.end(),
                      [](char a, char b) { return lower(a) == b; });
}
constexpr bool is_word(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
constexpr bool is_of_token(char c) noexcept {
    return is_word(c) || c == '-' || c == '_' || c == '.' || c == '+' || c == '/' || c == '=' || c == '~';
}
constexpr bool is_of_name(char c) noexcept { return is_word(c) || c == '_' || c == '-'; }
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

void replace_all(std::string& text, std::string_view secret) {
    for (std::size_t at = text.find(secret); at != text.npos; at = text.find(secret, at)) {
        text.replace(at, secret.size(), redactor::mask);
        at += redactor::mask.size();
    }
}

void mask_known_openings(std::string& text) {
    for (const opening& each : openings) {
        for (std::size_t at = text.find(each.text); at != text.npos; at = text.find(each.text, at)) {
            std::size_t from = at + each.text.size();
            std::size_t to = from;
            while (to < text.size() && is_of_token(text[to])) ++to;
            const bool is_inside_of_a_word = at > 0 && is_word(text[at - 1]);
            if (!is_inside_of_a_word && to - from >= each.least) {
                text.replace(from, to - from, redactor::mask);
                to = from + redactor::mask.size();
            }
            at = to;
        }
    }
}

/// Where a value begins and ends, behind the name that ends at `at`; empty: there is none.
struct span_of_value {
    std::size_t from = 0;
    std::size_t to = 0;
};

// `"name": "value"`, also with its quotes escaped, as in a document inside of a string.
span_of_value quoted_value(std::string_view text, std::size_t at) {
    const bool is_escaped = at < text.size() && text[at] == '\\';
    at += is_escaped ? 1 : 0;
    if (at >= text.size() || text[at] != '"') return {};
    for (++at; at < text.size() && is_blank(text[at]);) ++at;
    if (at >= text.size() || text[at] != ':') return {};
    for (++at; at < text.size() && is_blank(text[at]);) ++at;
    if (is_escaped && (at >= text.size() || text[at++] != '\\')) return {};
    if (at >= text.size() || text[at] != '"') return {};
    const std::size_t from = ++at;
    const std::string_view end = is_escaped ? "\\\"" : "\"";
    for (; at < text.size(); ++at) {
        if (text.substr(at, end.size()) == end) return {from, at};
        if (text[at] == '\\') ++at;
    }
    return {from, text.size()}; // cut off in the middle of it
}

// `name=value`, as in a URL.
span_of_value assigned_value(std::string_view text, std::size_t at) {
    if (at >= text.size() || text[at] != '=') return {};
    std::size_t to = at + 1;
    while (to < text.size() && (is_of_token(text[to]) || text[to] == '%')) ++to;
    return {at + 1, to};
}

// As in a JSON string (RFC 8259, section 7), in the short forms that writers use.
std::string escaped(std::string_view text, bool with_slash) {
    constexpr std::string_view plain = "\"\\\b\f\n\r\t";
    constexpr std::string_view letters = "\"\\bfnrt";
    std::string out;
    for (const char c : text) {
        const std::size_t at = plain.find(c);
        if (at != plain.npos)
            out.append({'\\', letters[at]});
        else if (c == '/' && with_slash)
            out.append("\\/");
        else
            out.push_back(c);
    }
    return out;
}

} // namespace

void redactor::add_secret(std::string value) {
    if (value.size() < 4) return;
    // Requests and replies are JSON, in which a key of several lines is written otherwise.
    for (std::string form : {escaped(value, false), escaped(value, true), std::move(value)})
        add_form(std::move(form));
}

void redactor::add_form(std::string form) {
    if (std::find(secrets_.begin(), secrets_.end(), form) != secrets_.end()) return;
    const auto place = std::find_if(secrets_.begin(), secrets_.end(),
                                    [&form](const std::string& known) { return known.size() < form.size(); });
    secrets_.insert(place, std::move(form));
}

void redactor::add_name(std::string name) {
    std::transform(name.begin(), name.end(), name.begin(), lower);
    names_.push_back(std::move(name));
}

void redactor::add(const redactor& other) {
    for (const std::string& each : other.secrets_) add_form(each);
    names_.insert(names_.end(), other.names_.begin(), other.names_.end());
}

bool redactor::is_secret_name(std::string_view name) const noexcept {
    const auto is_it = [name](std::string_view known) { return same_name(name, known); };
    return std::any_of(std::begin(secret_names), std::end(secret_names), is_it) ||
           std::any_of(names_.begin(), names_.end(), is_it);
}

bool redactor::has_secret(std::string_view text) const noexcept {
    return std::any_of(secrets_.begin(), secrets_.end(),
                       [text](const std::string& each) { return text.find(each) != text.npos; });
}

void redactor::redact(std::string& text) const {
    for (const std::string& secret : secrets_) replace_all(text, secret);
    for (std::size_t at = 0; at < text.size();) {
        if (!is_of_name(text[at])) {
            ++at;
            continue;
        }
        std::size_t end = at;
        while (end < text.size() && is_of_name(text[end])) ++end;
        const bool is_quoted = at > 0 && text[at - 1] == '"';
        if (is_secret_name(std::string_view(text).substr(at, end - at))) {
            const span_of_value value = is_quoted ? quoted_value(text, end) : assigned_value(text, end);
            if (value.to > value.from) {
                text.replace(value.from, value.to - value.from, mask);
                end = value.from + mask.size();
            }
        }
        at = end;
    }
    mask_known_openings(text);
}

} // namespace modelmesh
