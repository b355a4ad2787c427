#include <modelmesh/json/write.hpp>

#include "json/scan.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>

namespace modelmesh::json {
namespace detail {
namespace {

// The text being written, in memory that grows. Elements are followed by a comma, the last one's is written over by
// what closes the list.
class output {
public:
    [[nodiscard]] std::string_view text() const noexcept {
        return {memory_.get(), static_cast<std::size_t>(at_ - memory_.get())};
    }
    // Keeps the memory for the next text, unless a large one has made it large.
    void clear() noexcept {
        constexpr std::size_t largest_kept = 256u << 10;
        if (static_cast<std::size_t>(end_ - memory_.get()) > largest_kept) {
            memory_.reset();
            end_ = nullptr;
        }
        at_ = memory_.get();
    }

    void add(char c) { *room(1) = c, ++at_; }
    void add(std::string_view text) {
        std::memcpy(room(text.size()), text.data(), text.size());
        at_ += text.size();
    }
    void add(const key_text& key) {
        const std::size_t size = key.text.size();
        char* const to = room(size + key_text::block);
        for (std::size_t i = 0; i < size; i += key_text::block)
            std::memcpy(to + i, key.text.data() + i, key_text::block);
        at_ += size;
    }
    template <class Number> void add_number(Number value) {
        constexpr std::size_t longest = 32; // the shortest form of a double has at most 24 characters
        char* const to = room(longest);
        at_ = std::to_chars(to, to + longest, value).ptr;
    }
    void add_string(std::string_view text);
    void close(char closing) {
        if (at_[-1] == ',')
            at_[-1] = closing;
        else
            add(closing);
    }

private:
    // Room for so many bytes behind the text.
    char* room(std::size_t size) {
        if (static_cast<std::size_t>(end_ - at_) < size) grow(size);
        return at_;
    }
    void grow(std::size_t size) {
        const std::string_view old = text();
        const std::size_t capacity = std::bit_ceil(std::max<std::size_t>(old.size() + size, 4096));
        auto memory = std::make_unique_for_overwrite<char[]>(capacity);
        at_ = std::copy(old.begin(), old.end(), memory.get());
        end_ = memory.get() + capacity;
        memory_ = std::move(memory);
    }

    std::unique_ptr<char[]> memory_;
    char* at_ = nullptr;
    char* end_ = nullptr;
};

char* put_escape(char* to, unsigned char c) {
    // Of the control characters; u: it has no letter, but a number.
    constexpr std::string_view letters = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";
    constexpr const char* digits = "0123456789abcdef";
    const bool is_control = c < letters.size();
    *to++ = '\\';
    *to++ = is_control ? letters[c] : static_cast<char>(c);
    if (!is_control || letters[c] != 'u') return to;
    *to++ = '0';
    *to++ = '0';
    *to++ = digits[c >> 4];
    *to++ = digits[c & 15];
    return to;
}

// UTF-8 is looked at only where a text leaves ASCII, which the copy sees on its way.
void output::add_string(std::string_view text) {
    constexpr std::size_t longest_escape = 6;
    const char* at = text.data();
    const char* const end = at + text.size();
    bool is_utf8 = false;
    char* to = room(text.size() + 2);
    *to++ = '"';
    for (;;) {
        at = is_utf8 ? copy_plain<plain::any>(at, end, to) : copy_plain<plain::ascii>(at, end, to);
        if (at == end) break;
        const auto c = static_cast<unsigned char>(*at);
        if (c >= 0x80) {
            is_utf8 = valid_utf8({at, static_cast<std::size_t>(end - at)});
            if (!is_utf8) throw std::invalid_argument("a text for JSON is not valid UTF-8");
            continue;
        }
        ++at;
        at_ = to;
        to = put_escape(room(longest_escape + static_cast<std::size_t>(end - at) + 1), c);
    }
    *to++ = '"';
    at_ = to;
}

void add_value(output& out, const void* object, const descriptor& type);

bool is_empty(const void* object, const descriptor& type) {
    if (type.what == kind::sequence) return as<sequence_type>(type).size(object) == 0;
    return type.what == kind::map && as<map_type>(type).size(object) == 0;
}

void add_raw(output& out, std::string_view text) { out.add(text.empty() ? "null" : text); }

void add_object(output& out, const void* object, const object_type& type) {
    void* members[most_members];
    // One function serves both ways; nothing is written here.
    const std::uint64_t present = type.locate(const_cast<void*>(object), members);
    const resolved_member* const resolved = type.resolve().members;
    out.add('{');
    for (std::uint64_t left = present & type.named; left != 0; left &= left - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(left));
        const field& f = type.fields[i];
        if (f.omit_empty && is_empty(members[i], *resolved[i].type)) continue;
        out.add(f.key);
        const bool is_wrapper = resolved[i].type->what == kind::wrapper;
        const void* const value =
            is_wrapper ? as<wrapper_type>(*resolved[i].type).get(members[i]) : members[i];
        if (value != nullptr)
            add_value(out, value, *resolved[i].element);
        else
            out.add("null");
        out.add(',');
    }
    if (type.extra != type.count && (present >> type.extra & 1) != 0) {
        const auto& extra = as<extra_type>(*resolved[type.extra].type);
        const void* const unknown = members[type.extra];
        for (std::size_t i = 0; i < extra.size(unknown); ++i) {
            out.add_string(extra.name(unknown, i));
            out.add(':');
            add_raw(out, extra.text(unknown, i));
            out.add(',');
        }
    }
    out.close('}');
}

void add_sequence(output& out, const void* object, const sequence_type& type) {
    const descriptor& element = type.element();
    const std::size_t size = type.size(object);
    out.add('[');
    for (std::size_t i = 0; i < size; ++i) {
        add_value(out, type.get(object, i), element);
        out.add(',');
    }
    out.close(']');
}

void add_map(output& out, const void* object, const map_type& type) {
    struct context {
        output& out;
        const descriptor& element;
    } all{out, type.element()};
    out.add('{');
    type.each(object, &all, [](void* opaque, std::string_view key, const void* value) {
        const context& c = *static_cast<const context*>(opaque);
        c.out.add_string(key);
        c.out.add(':');
        add_value(c.out, value, c.element);
        c.out.add(',');
    });
    out.close('}');
}

void add_value(output& out, const void* object, const descriptor& type) {
    switch (type.what) {
    case kind::boolean:
        out.add(as<boolean_type>(type).load(object) ? "true" : "false");
        return;
    case kind::integer: {
        const auto& integer = as<integer_type>(type);
        if (integer.is_unsigned)
            out.add_number(integer.load(object));
        else
            out.add_number(static_cast<std::int64_t>(integer.load(object)));
        return;
    }
    case kind::floating: {
        const double number = as<floating_type>(type).load(object);
        if (!std::isfinite(number)) throw std::invalid_argument("JSON has no infinity and no NaN");
        // Who takes only whole numbers, as for seconds, does not take 1.795e+09.
        constexpr double exact = 0x1p53;
        if (std::abs(number) < exact && number == std::trunc(number) &&
            (number != 0 || !std::signbit(number)))
            out.add_number(static_cast<std::int64_t>(number));
        else
            out.add_number(number);
        return;
    }
    case kind::string:
        out.add_string(*static_cast<const std::string*>(object));
        return;
    case kind::view:
        out.add_string(*static_cast<const std::string_view*>(object));
        return;
    case kind::raw:
        add_raw(out, static_cast<const raw*>(object)->text);
        return;
    case kind::raw_view:
        add_raw(out, static_cast<const raw_view*>(object)->text);
        return;
    case kind::null:
        out.add("null");
        return;
    case kind::enumeration:
        out.add_string(as<enumeration_type>(type).load(object));
        return;
    case kind::wrapper: {
        const auto& wrapper = as<wrapper_type>(type);
        if (const void* const value = wrapper.get(object))
            add_value(out, value, wrapper.element());
        else
            out.add("null"); // as an element an absent value still needs its place
        return;
    }
    case kind::sequence:
        add_sequence(out, object, as<sequence_type>(type));
        return;
    case kind::map:
        add_map(out, object, as<map_type>(type));
        return;
    case kind::variant: {
        const auto& variant = as<variant_type>(type);
        add_value(out, variant.get(object), variant.alternatives[variant.index(object)]());
        return;
    }
    case kind::object:
        add_object(out, object, as<object_type>(type));
        return;
    case kind::extra:
        return; // written by the object that has it
    }
}

// The thread's output, empty before and after. What is written is no user's code, so nobody asks for it twice.
class lease {
public:
    lease() = default;
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() { out_.clear(); }
    output& operator*() const noexcept { return out_; }
    output* operator->() const noexcept { return &out_; }

private:
    static output& kept() {
        thread_local output out;
        return out;
    }
    output& out_ = kept();
};

} // namespace

void append_erased(std::string& out, const void* object, const descriptor& type) {
    const lease text;
    add_value(*text, object, type);
    out.append(text->text());
}

std::string write_erased(const void* object, const descriptor& type) {
    const lease text;
    add_value(*text, object, type);
    return std::string(text->text());
}

} // namespace detail

void append_string(std::string& out, std::string_view text) {
    const detail::lease quoted;
    quoted->add_string(text);
    out.append(quoted->text());
}

} // namespace modelmesh::json
