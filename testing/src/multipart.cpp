#include "multipart.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <utility>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view blanks = " \t";
constexpr std::size_t longest_boundary = 70;

refusal unreadable(const std::string& problem) {
    return invalid("Could not parse the multipart form of your request: " + problem + ".");
}

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(blanks);
    if (begin == text.npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

/// A header value with parameters: `form-data; name="a"; filename="b"`.
struct parameters {
    std::string value;
    std::vector<std::pair<std::string, std::string>> all;

    const std::string* find(std::string_view name) const {
        for (const auto& [key, text] : all)
            if (boost::beast::iequals(key, name)) return &text;
        return nullptr;
    }
};

/// Takes a quoted text from the front. A quote in it has a backslash before it, or is written as %22.
std::string take_quoted(std::string_view& text) {
    std::string out;
    for (std::size_t at = 1; at < text.size(); ++at) {
        if (text[at] == '"') {
            text.remove_prefix(at + 1);
            return out;
        }
        if (text[at] == '\\' && at + 1 < text.size() && text[at + 1] == '"') ++at;
        out += text[at];
    }
    throw unreadable("a quoted text does not end");
}

/// What browsers write in place of a quote and of a line end.
std::string unescaped(std::string_view text) {
    constexpr std::pair<std::string_view, char> escapes[] = {{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}};
    std::string out;
    while (!text.empty()) {
        std::size_t length = 1;
        char c = text.front();
        for (const auto& [code, meaning] : escapes)
            if (text.substr(0, code.size()) == code) {
                length = code.size();
                c = meaning;
            }
        out += c;
        text.remove_prefix(length);
    }
    return out;
}

parameters read_parameters(std::string_view text) {
    parameters out;
    std::size_t end = std::min(text.find(';'), text.size());
    out.value = trimmed(text.substr(0, end));
    text.remove_prefix(end);
    while (!trimmed(text).empty()) {
        text = trimmed(text);
        if (text.front() != ';') throw unreadable("a parameter does not begin with a semicolon");
        text = trimmed(text.substr(1));
        if (text.empty()) break;
        const std::size_t equals = text.find('=');
        if (equals == text.npos) throw unreadable("a parameter has no value");
        std::string name(trimmed(text.substr(0, equals)));
        text = trimmed(text.substr(equals + 1));
        std::string value;
        if (!text.empty() && text.front() == '"') {
            value = take_quoted(text);
        } else {
            end = std::min(text.find(';'), text.size());
            value = trimmed(text.substr(0, end));
            text.remove_prefix(end);
        }
        out.all.emplace_back(std::move(name), std::move(value));
    }
    return out;
}

form_part read_head(std::string_view head) {
    form_part out;
    bool named = false;
    while (!head.empty()) {
        const std::size_t end = head.find(line_end);
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(end == head.npos ? head.size() : end + line_end.size());
        const std::size_t colon = line.find(':');
        if (colon == line.npos) throw unreadable("a header of a part has no colon");
        const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
        if (boost::beast::iequals(name, "content-type")) out.content_type = value;
        if (!boost::beast::iequals(name, "content-disposition")) continue;
        const parameters disposition = read_parameters(value);
        const std::string* field = disposition.find("name");
        if (!boost::beast::iequals(disposition.value, "form-data") || field == nullptr) break;
        out.name = unescaped(*field);
        if (const std::string* file = disposition.find("filename")) out.file_name = unescaped(*file);
        named = true;
    }
    if (!named) throw unreadable("a part is not form-data with a name");
    return out;
}

fields texts_of(const std::vector<form_part>& parts) {
    json::object out;
    for (const form_part& part : parts) {
        if (part.file_name) continue;
        const bool is_list = part.name.size() > 2 && part.name.substr(part.name.size() - 2) == "[]";
        if (!is_list) {
            out[part.name] = part.body;
            continue;
        }
        json::value& list = out[part.name];
        if (!list.is_array()) list = json::array();
        list.get_array().emplace_back(part.body);
    }
    return fields(std::move(out));
}

} // namespace

std::vector<form_part> read_parts(std::string_view content_type, std::string_view body) {
    const parameters type = read_parameters(content_type);
    if (!boost::beast::iequals(type.value, "multipart/form-data"))
        throw unreadable("the content type is not multipart/form-data");
    const std::string* boundary = type.find("boundary");
    if (boundary == nullptr || boundary->empty() || boundary->size() > longest_boundary)
        throw unreadable("the content type names no boundary of 1 to 70 characters");

    const std::string delimiter = "--" + *boundary;
    const std::string separator = std::string(line_end) + delimiter;
    if (body.substr(0, delimiter.size()) != delimiter) {
        const std::size_t first = body.find(separator); // what stands before it is to be ignored
        if (first == body.npos) throw unreadable("the boundary is not in the body");
        body.remove_prefix(first + line_end.size());
    }
    std::vector<form_part> out;
    for (;;) {
        body.remove_prefix(delimiter.size());
        if (body.substr(0, 2) == "--") return out;
        const std::size_t line = body.find(line_end);
        if (line == body.npos || !trimmed(body.substr(0, line)).empty())
            throw unreadable("a boundary does not end its line");
        body.remove_prefix(line); // the line end stays: a part without headers begins with two of them
        const std::string head_end = std::string(line_end) + std::string(line_end);
        const std::size_t head = body.find(head_end);
        if (head == body.npos) throw unreadable("the headers of a part do not end");
        form_part part = read_head(head == 0 ? "" : body.substr(line_end.size(), head - line_end.size()));
        body.remove_prefix(head + line_end.size()); // again: an empty part ends with the line end before it
        const std::size_t end = body.find(separator);
        if (end == body.npos) throw unreadable("the last part does not end");
        part.body = end == 0 ? "" : body.substr(line_end.size(), end - line_end.size());
        body.remove_prefix(end + line_end.size());
        out.push_back(std::move(part));
    }
}

form::form(const recorded_request& request)
    : parts_(read_parts(request.header("content-type"), request.body)), texts_(texts_of(parts_)) {}

std::vector<const form_part*> form::files(std::string_view name) const {
    std::vector<const form_part*> out;
    for (const form_part& part : parts_)
        if (part.file_name && (part.name == name || part.name == std::string(name) + "[]"))
            out.push_back(&part);
    return out;
}

const form_part& form::need_file(std::string_view name) const {
    const std::vector<const form_part*> found = files(name);
    if (found.empty()) throw missing(name);
    return *found.front();
}

} // namespace modelmesh::testing::detail
