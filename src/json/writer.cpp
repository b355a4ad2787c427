#include <modelmesh/json/write.hpp>

#include "json/scan.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace modelmesh::json {
namespace detail {
namespace {

void append_value(std::string& out, const void* object, const descriptor& type);

template <class T> const T& as(const descriptor& type) noexcept { return static_cast<const T&>(type); }

template <class Number> void append_number(std::string& out, Number value) {
    char text[32]; // the shortest form of a double has at most 24 characters
    const auto done = std::to_chars(text, text + sizeof text, value);
    out.append(text, done.ptr);
}

void append_double(std::string& out, double value) {
    if (!std::isfinite(value)) throw std::invalid_argument("JSON has no infinity and no NaN");
    append_number(out, value);
}

bool is_empty(const void* object, const descriptor& type) {
    if (type.what == kind::sequence) return as<sequence_type>(type).size(object) == 0;
    return type.what == kind::map && as<map_type>(type).size(object) == 0;
}

void append_object(std::string& out, const void* object, const object_type& type) {
    void* members[most_members];
    type.locate(const_cast<void*>(object), members); // one function serves both ways; nothing is written here
    const resolved_member* const resolved = type.resolve();
    out += '{';
    const std::size_t start = out.size();
    for (std::uint64_t left = type.present(object) & type.named; left != 0; left &= left - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(left));
        const field& f = type.fields[i];
        if (f.omit_empty && is_empty(members[i], *resolved[i].type)) continue;
        if (out.size() != start) out += ',';
        out += f.key.text;
        append_value(out, members[i], *resolved[i].type);
    }
    if (type.extra != type.count) {
        const auto& extra = as<extra_type>(*resolved[type.extra].type);
        const void* unknown = members[type.extra];
        for (std::size_t i = 0; i < extra.size(unknown); ++i) {
            if (out.size() != start) out += ',';
            append_string(out, extra.name(unknown, i));
            out += ':';
            out += extra.text(unknown, i);
        }
    }
    out += '}';
}

void append_sequence(std::string& out, const void* object, const sequence_type& type) {
    const descriptor& element = type.element();
    const std::size_t size = type.size(object);
    out += '[';
    for (std::size_t i = 0; i < size; ++i) {
        if (i != 0) out += ',';
        append_value(out, type.get(object, i), element);
    }
    out += ']';
}

void append_map(std::string& out, const void* object, const map_type& type) {
    struct context {
        std::string& out;
        const descriptor& element;
        bool first = true;
    } state{out, type.element()};
    out += '{';
    type.each(object, &state, [](void* opaque, std::string_view key, const void* value) {
        context& c = *static_cast<context*>(opaque);
        if (!c.first) c.out += ',';
        c.first = false;
        append_string(c.out, key);
        c.out += ':';
        append_value(c.out, value, c.element);
    });
    out += '}';
}

void append_raw(std::string& out, std::string_view text) { out += text.empty() ? "null" : text; }

void append_value(std::string& out, const void* object, const descriptor& type) {
    switch (type.what) {
    case kind::boolean:
        out += as<boolean_type>(type).load(object) ? "true" : "false";
        return;
    case kind::integer: {
        const auto& integer = as<integer_type>(type);
        if (integer.is_unsigned)
            append_number(out, integer.load(object));
        else
            append_number(out, static_cast<std::int64_t>(integer.load(object)));
        return;
    }
    case kind::floating:
        append_double(out, as<floating_type>(type).load(object));
        return;
    case kind::string:
        append_string(out, *static_cast<const std::string*>(object));
        return;
    case kind::view:
        append_string(out, *static_cast<const std::string_view*>(object));
        return;
    case kind::raw:
        append_raw(out, static_cast<const raw*>(object)->text);
        return;
    case kind::raw_view:
        append_raw(out, static_cast<const raw_view*>(object)->text);
        return;
    case kind::null:
        out += "null";
        return;
    case kind::enumeration:
        append_string(out, as<enumeration_type>(type).load(object));
        return;
    case kind::wrapper: {
        const auto& wrapper = as<wrapper_type>(type);
        if (const void* const value = wrapper.get(object))
            append_value(out, value, wrapper.element());
        else
            out += "null"; // as an element an absent value still needs its place
        return;
    }
    case kind::sequence:
        append_sequence(out, object, as<sequence_type>(type));
        return;
    case kind::map:
        append_map(out, object, as<map_type>(type));
        return;
    case kind::variant: {
        const auto& variant = as<variant_type>(type);
        append_value(out, variant.get(object), variant.alternatives[variant.index(object)]());
        return;
    }
    case kind::object:
        append_object(out, object, as<object_type>(type));
        return;
    case kind::extra:
        return; // written by the object that has it
    }
}

void append_escape(std::string& out, unsigned char c) {
    constexpr const char* digits = "0123456789abcdef";
    switch (c) {
    case '"':
        out += "\\\"";
        return;
    case '\\':
        out += "\\\\";
        return;
    case '\b':
        out += "\\b";
        return;
    case '\f':
        out += "\\f";
        return;
    case '\n':
        out += "\\n";
        return;
    case '\r':
        out += "\\r";
        return;
    case '\t':
        out += "\\t";
        return;
    default:
        out += "\\u00";
        out += digits[c >> 4];
        out += digits[c & 15];
    }
}

} // namespace

void append_erased(std::string& out, const void* object, const descriptor& type) {
    append_value(out, object, type);
}

// Grows in memory that the thread keeps, unless a large text has made it large: the text itself is then allocated
// once, and no larger than it is.
std::string write_erased(const void* object, const descriptor& type) {
    constexpr std::size_t largest_kept = 256u << 10;
    thread_local std::string kept;
    kept.clear();
    append_value(kept, object, type);
    if (kept.size() > largest_kept) return std::exchange(kept, std::string());
    return kept;
}

} // namespace detail

// UTF-8 is looked at only where a text leaves ASCII, which the scan for escapes sees on its way.
void append_string(std::string& out, std::string_view text) {
    const std::size_t before = out.size();
    const char* const end = text.data() + text.size();
    bool is_utf8 = false;
    const char* done = text.data();
    out += '"';
    for (const char* at = done;;) {
        at = is_utf8 ? detail::plain_end(at, end) : detail::plain_end<detail::plain::ascii>(at, end);
        if (at != end && static_cast<unsigned char>(*at) >= 0x80) {
            is_utf8 = detail::valid_utf8({at, static_cast<std::size_t>(end - at)});
            if (is_utf8) continue;
            out.resize(before);
            throw std::invalid_argument("a text for JSON is not valid UTF-8");
        }
        out.append(done, at);
        if (at == end) break;
        detail::append_escape(out, static_cast<unsigned char>(*at++));
        done = at;
    }
    out += '"';
}

} // namespace modelmesh::json
