#include <modelmesh/json/read.hpp>

#include "json/scan.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

namespace modelmesh::json {
namespace {

using namespace detail;

// Where the reader is, as a chain through its stack frames: costs nothing until an error needs a pointer.
struct place {
    const place* up = nullptr;
    std::string_view name{};
    std::size_t index = 0;
    bool is_index = false;
};

std::string pointer_of(const place* at) {
    if (at == nullptr || at->up == nullptr) return {};
    std::string text = pointer_of(at->up);
    text += '/';
    if (at->is_index) return text + std::to_string(at->index);
    for (const char c : at->name) {
        if (c == '~')
            text += "~0";
        else if (c == '/')
            text += "~1";
        else
            text += c;
    }
    return text;
}

// Memory that grows in powers of two and whose content need not survive growing.
class scratch {
public:
    char* room(std::size_t size) {
        if (size > capacity_) {
            capacity_ = std::bit_ceil(std::max<std::size_t>(size, 4096));
            memory_ = std::make_unique_for_overwrite<char[]>(capacity_);
        }
        return memory_.get();
    }

private:
    std::unique_ptr<char[]> memory_;
    std::size_t capacity_ = 0;
};

constexpr const char* not_utf8 = "invalid UTF-8";

// Whether a value that begins with this character can be read as this type: how variants choose.
bool accepts(const descriptor& type, char first) {
    switch (type.what) {
    case kind::boolean:
        return first == 't' || first == 'f';
    case kind::integer:
    case kind::floating:
        return first == '-' || (first >= '0' && first <= '9');
    case kind::string:
    case kind::view:
    case kind::enumeration:
        return first == '"';
    case kind::raw:
    case kind::raw_view:
        return true;
    case kind::null:
        return first == 'n';
    case kind::sequence:
        return first == '[';
    case kind::map:
    case kind::object:
        return first == '{';
    case kind::wrapper: {
        const auto& wrapper = as<wrapper_type>(type);
        return (wrapper.may_be_null && first == 'n') || accepts(wrapper.element(), first);
    }
    case kind::variant: {
        const auto& variant = as<variant_type>(type);
        return std::any_of(variant.alternatives, variant.alternatives + variant.count,
                           [first](describe_function alternative) { return accepts(alternative(), first); });
    }
    case kind::extra:
        return false;
    }
    return false;
}

bool starts_value(char c) {
    switch (c) {
    case '{':
    case '[':
    case '"':
    case '-':
    case 't':
    case 'f':
    case 'n':
        return true;
    default:
        return c >= '0' && c <= '9';
    }
}

const char* expectation(const descriptor& type) {
    switch (type.what) {
    case kind::boolean:
        return "expected true or false";
    case kind::integer:
        return "expected an integer";
    case kind::floating:
        return "expected a number";
    case kind::string:
    case kind::view:
    case kind::enumeration:
        return "expected a string";
    case kind::null:
        return "expected null";
    case kind::sequence:
        return "expected an array";
    case kind::map:
    case kind::object:
        return "expected an object";
    case kind::wrapper:
        return expectation(as<wrapper_type>(type).element());
    case kind::variant:
        return "a value of another type is expected";
    case kind::raw:
    case kind::raw_view:
    case kind::extra:
        break;
    }
    return "expected a value";
}

/// One document being read, in one pass: every function begins where its text does and leaves at_ behind it, or
/// answers false after it has stored the failure.
class pass {
public:
    /// @param arrived  what is behind so many bytes only ends the document.
    pass(std::string_view text, std::size_t arrived, const read_options& options, scratch& unescaped)
        : begin_(text.data()), end_(text.data() + text.size()), arrived_(begin_ + arrived), at_(begin_),
          options_(options), unescaped_(unescaped) {}

    bool document(void* target, const descriptor& type);
    fault take_failure() { return std::move(*failure_); }

private:
    enum class behind : std::uint8_t { another, end, failure };
    enum class fit : std::uint8_t { no, yes, not_yet };

    bool value(void* target, const descriptor& type, const place& here, std::size_t depth);
    bool any_value(void* target, const descriptor& type, const place& here, std::size_t depth);
    bool object(void* target, const object_type& type, const place& here, std::size_t depth);
    bool member_name(const object_type& type, std::size_t& expected, std::size_t& found,
                     std::string_view& out, const place& object);
    bool map(void* target, const map_type& type, const place& here, std::size_t depth);
    bool sequence(void* target, const sequence_type& type, const place& here, std::size_t depth);
    bool variant(void* target, const variant_type& type, const place& here, std::size_t depth);
    [[nodiscard]] fit fits(const descriptor& type, const char* at) const;
    [[nodiscard]] fit has_tag(const object_type& type, const char* at) const;
    bool enumerator(void* target, const enumeration_type& type, const place& here);
    bool integer(void* target, const integer_type& type, const place& here);
    bool floating(void* target, const floating_type& type, const place& here);
    bool is_utf8_from(const char* at);
    bool raw_text(std::string_view& text, const place& here, std::size_t depth);
    bool string_content(std::string_view& content, bool& escaped, const place& here);
    bool view(std::string_view& out, const place& here);
    bool string(std::string& out, const place& here);
    bool name(std::string_view& out, const place& object);
    bool colon(const place& object);
    bool word(std::string_view text, const descriptor& type, const place& here);
    [[nodiscard]] bool begins_with(const key_text& key) const noexcept;
    bool is_empty(char closing);
    bool has_all(const object_type& type, std::uint64_t given, const resolved_member* resolved,
                 const place& here);
    behind element(char closing, const place& here);
    [[gnu::cold, gnu::noinline]] behind no_element(char closing, const place& here);

    // Whether a value that ends here has not arrived to its end.
    [[nodiscard]] bool is_unfinished(const char* end) const noexcept { return end > arrived_; }
    bool leave_out() {
        is_left_out_ = true;
        return true;
    }
    bool enter(const place& here, std::size_t depth) {
        return depth < std::min(options_.limits.depth, deepest) || fail(at_, "nested too deeply", here);
    }
    [[gnu::cold, gnu::noinline]] bool fail(const char* where, std::string_view problem, const place& here) {
        failure_ =
            make_fault(options_.kind, problem, pointer_of(&here), static_cast<std::size_t>(where - begin_));
        return false;
    }
    bool unexpected(const descriptor& type, const place& here) {
        return fail(at_, starts_value(*at_) ? expectation(type) : "expected a value", here);
    }

    const char* begin_;
    const char* end_;
    const char* arrived_;
    const char* at_;
    bool is_utf8_ = false;     ///< all that comes
    bool is_left_out_ = false; ///< the value before at_: it cannot be told yet, and counts as absent
    const read_options& options_;
    scratch& unescaped_;
    char* unescaped_at_ = nullptr; // null until the first string with an escape that a view needs
    std::optional<fault> failure_;
};

bool pass::document(void* target, const descriptor& type) {
    const place top;
    at_ = skip_space(at_, end_);
    if (at_ == end_) return fail(at_, "document is empty", top);
    if (!value(target, type, top, 0)) return false;
    at_ = skip_space(at_, end_);
    return at_ == end_ || fail(at_, "something follows the document", top);
}

// Behind '[' or '{': nothing inside. Else at_ is at the first element.
bool pass::is_empty(char closing) {
    at_ = skip_space(at_ + 1, end_);
    if (at_ == end_ || *at_ != closing) return false;
    ++at_;
    return true;
}

// Behind an element: to the next one, or out of the array or object.
inline pass::behind pass::element(char closing, const place& here) {
    at_ = skip_space(at_, end_);
    if (at_ != end_ && *at_ == ',') {
        at_ = skip_space(at_ + 1, end_);
        return behind::another;
    }
    if (at_ != end_ && *at_ == closing) {
        ++at_;
        return behind::end;
    }
    return no_element(closing, here);
}

pass::behind pass::no_element(char closing, const place& here) {
    if (at_ == end_)
        fail(at_, "document ends too early", here);
    else
        fail(at_, closing == '}' ? "expected ',' or '}'" : "expected ',' or ']'", here);
    return behind::failure;
}

bool pass::word(std::string_view text, const descriptor& type, const place& here) {
    if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(text))
        return *at_ == text[0] ? fail(at_, "expected a value", here) : unexpected(type, here);
    at_ += text.size();
    return true;
}

// UTF-8 is looked at where a text first leaves ASCII, for all that comes: outside of texts nothing leaves it.
bool pass::is_utf8_from(const char* at) {
    is_utf8_ = is_utf8_ || valid_utf8({at, static_cast<std::size_t>(end_ - at)});
    return is_utf8_;
}

[[gnu::always_inline]] inline bool pass::string_content(std::string_view& content, bool& escaped,
                                                        const place& here) {
    const char* const quote = at_;
    escaped = false;
    scanned found = detail::string_content<plain::ascii>(quote + 1, quote + 1, end_, escaped);
    if (found.problem == nullptr && *found.at != '"') {
        if (!is_utf8_from(found.at)) return fail(found.at, not_utf8, here);
        found = detail::string_content<plain::any>(quote + 1, found.at, end_, escaped);
    }
    if (found.problem != nullptr) return fail(found.at, found.problem, here);
    content = {quote + 1, static_cast<std::size_t>(found.at - quote - 1)};
    if (content.size() > options_.limits.string) return fail(quote, "string is too long", here);
    at_ = found.at + 1;
    return true;
}

[[gnu::always_inline]] inline bool pass::view(std::string_view& out, const place& here) {
    bool escaped = false;
    if (!string_content(out, escaped, here)) return false;
    if (!escaped) return true;
    // All unescaped strings together are shorter than the document, so the memory never moves during one
    // read.
    if (unescaped_at_ == nullptr) unescaped_at_ = unescaped_.room(static_cast<std::size_t>(end_ - begin_));
    const scanned done = unescape(out.data(), out.data() + out.size(), unescaped_at_);
    if (done.problem != nullptr) return fail(done.at, done.problem, here);
    out = {unescaped_at_, static_cast<std::size_t>(done.at - unescaped_at_)};
    unescaped_at_ += out.size();
    return true;
}

bool pass::string(std::string& out, const place& here) {
    std::string_view content;
    bool escaped = false;
    if (!string_content(content, escaped, here)) return false;
    out.assign(content);
    if (!escaped) return true;
    const scanned done = unescape(content.data(), content.data() + content.size(), out.data());
    if (done.problem != nullptr) return fail(done.at, done.problem, here);
    out.resize(static_cast<std::size_t>(done.at - out.data()));
    return true;
}

bool pass::name(std::string_view& out, const place& object) {
    if (at_ == end_ || *at_ != '"')
        return fail(at_, at_ == end_ ? "document ends too early" : "expected a member's name", object);
    return view(out, object) && colon(object);
}

bool pass::colon(const place& object) {
    at_ = skip_space(at_, end_);
    if (at_ == end_ || *at_ != ':')
        return fail(at_, at_ == end_ ? "document ends too early" : "expected ':'", object);
    at_ = skip_space(at_ + 1, end_);
    return true;
}

bool pass::raw_text(std::string_view& text, const place& here, std::size_t depth) {
    const scanned done = scan_value(at_, end_, options_.limits, depth);
    if (done.problem != nullptr) return fail(done.at, done.problem, here);
    text = {at_, static_cast<std::size_t>(done.at - at_)};
    if (!is_utf8_ && !valid_utf8(text)) return fail(at_, not_utf8, here);
    at_ = done.at;
    return true;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Eight digits at once: pairs, pairs of pairs, and both halves (simdjson's parse_eight_digits_unrolled).
bool eight_digits(const char* at, std::uint64_t& number) {
    if constexpr (std::endian::native != std::endian::little) return false;
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    constexpr std::uint64_t ones = ~std::uint64_t{0} / 255;
    if ((word & ones * 0xF0) != ones * 0x30 || ((word + ones * 6) & ones * 0xF0) != ones * 0x30) return false;
    word = (word - ones * '0') * 10 + ((word - ones * '0') >> 8);
    word = (((word & 0x000000FF000000FF) * 0x000F424000000064) +
            (((word >> 16) & 0x000000FF000000FF) * 0x0000271000000001)) >>
           32;
    number = static_cast<std::uint32_t>(word);
    return true;
}

// The number nearest to a text whose syntax has been checked; false beyond the range. What is too small is 0.
bool to_double(const char* first, const char* last, double& number) {
    if (std::from_chars(first, last, number).ec == std::errc()) return true;
    const std::string_view text(first, static_cast<std::size_t>(last - first));
    const std::size_t exponent = text.find_first_of("eE");
    const std::size_t digit = text.find_first_of("123456789");
    const bool is_small = exponent == text.npos ? digit > text.find('.') : text[exponent + 1] == '-';
    number = 0;
    return is_small;
}

bool pass::floating(void* target, const floating_type& type, const place& here) {
    const scanned number = scan_number(at_, end_);
    if (number.problem != nullptr) return fail(number.at, number.problem, here);
    double exact = 0;
    if (!to_double(at_, number.at, exact) || !type.store(target, exact))
        return fail(at_, "expected a number in range", here);
    at_ = number.at;
    return true;
}

bool pass::integer(void* target, const integer_type& type, const place& here) {
    // Digits that any integer of 64 bits holds, and nothing else: what nearly all are.
    constexpr std::ptrdiff_t most = 18;
    const char* at = at_;
    std::uint64_t digits = 0;
    if (std::uint64_t word = 0; end_ - at >= 8 && is_digit(at[7]) && eight_digits(at, word)) {
        digits = word;
        at += 8;
    }
    while (at != end_ && is_digit(*at) && at - at_ <= most)
        digits = digits * 10 + static_cast<std::uint64_t>(*at++ - '0');
    const bool is_plain = at != at_ && at - at_ <= most && (*at_ != '0' || at - at_ == 1) &&
                          (at == end_ || (*at != '.' && (*at | 0x20) != 'e'));
    if (is_plain && type.store(target, digits)) {
        at_ = at;
        return true;
    }
    const scanned number = scan_number(at_, end_);
    if (number.problem != nullptr) return fail(number.at, number.problem, here);
    const auto exactly = [&](auto& out) {
        const auto done = std::from_chars(at_, number.at, out);
        return done.ec == std::errc() && done.ptr == number.at;
    };
    const auto roughly = [&](std::int64_t& out) {
        constexpr double bound = 9.2e18; // of what an int64 surely holds
        double inexact = 0;
        if (options_.exactness == exactness::strict || !to_double(at_, number.at, inexact) ||
            !(inexact > -bound && inexact < bound))
            return false;
        out = static_cast<std::int64_t>(inexact);
        return true;
    };
    std::uint64_t bits = 0;
    std::int64_t signed_number = 0;
    const bool is_there = type.is_unsigned ? exactly(bits) : exactly(signed_number) || roughly(signed_number);
    if (!type.is_unsigned) bits = static_cast<std::uint64_t>(signed_number);
    if (!is_there || !type.store(target, bits)) return fail(at_, "expected an integer in range", here);
    at_ = number.at;
    return true;
}

bool pass::sequence(void* target, const sequence_type& type, const place& here, std::size_t depth) {
    const char* const token = at_;
    if (!enter(here, depth)) return false;
    place inside{&here, {}, 0, true};
    if (!is_empty(']')) {
        const descriptor& element_type = type.element();
        for (behind next = behind::another; next != behind::end; next = element(']', here)) {
            if (next == behind::failure) return false;
            if (inside.index == options_.limits.elements) return fail(token, "too many elements", here);
            if (!value(type.at(target, inside.index), element_type, inside, depth + 1)) return false;
            if (!std::exchange(is_left_out_, false)) ++inside.index;
        }
    }
    type.truncate(target, inside.index); // elements of an earlier document are reused, the rest goes
    return true;
}

bool pass::map(void* target, const map_type& type, const place& here, std::size_t depth) {
    const char* const token = at_;
    if (!enter(here, depth)) return false;
    type.clear(target);
    if (is_empty('}')) return true;
    const descriptor& element_type = type.element();
    std::size_t count = 0;
    for (behind next = behind::another; next != behind::end; next = element('}', here)) {
        if (next == behind::failure) return false;
        if (count++ == options_.limits.elements) return fail(token, "too many elements", here);
        place inside{&here};
        const char* const key = at_;
        if (!name(inside.name, here)) return false;
        void* const slot = type.insert(target, inside.name);
        if (slot == nullptr) return fail(key, "member is given twice", inside);
        if (!value(slot, element_type, inside, depth + 1)) return false;
        if (std::exchange(is_left_out_, false)) type.erase(target, inside.name);
    }
    return true;
}

inline bool pass::begins_with(const key_text& key) const noexcept {
    const auto left = static_cast<std::size_t>(end_ - at_);
    const std::size_t size = key.text.size();
    if (left < 8 || left < size) return std::string_view(at_, left).starts_with(key.text);
    std::uint64_t word = 0;
    std::memcpy(&word, at_, 8);
    if (((word ^ key.head) & key.head_mask) != 0) return false;
    if (size <= 8) return true;
    std::memcpy(&word, at_ + size - 8, 8);
    if (word != key.tail) return false;
    for (std::size_t i = 8; i + 8 < size; i += 8)
        if (std::memcmp(at_ + i, key.text.data() + i, 8) != 0) return false;
    return true;
}

// Finds the member whose name comes next, `type.count` when the type does not name it. Members mostly come in
// the order of their declaration, and without white space.
inline bool pass::member_name(const object_type& type, std::size_t& expected, std::size_t& found,
                              std::string_view& out, const place& object) {
    const auto is_next = [&](std::size_t index) {
        const field& candidate = type.fields[index];
        if (candidate.skipped || !begins_with(candidate.key)) return false;
        out = candidate.name;
        at_ = skip_space(at_ + candidate.key.text.size(), end_);
        found = index;
        expected = index + 1;
        return true;
    };
    for (std::size_t index = expected; index < type.count; ++index)
        if (is_next(index)) return true;
    for (std::size_t index = 0; index < expected; ++index)
        if (is_next(index)) return true;
    // Unknown, or with white space, or with escapes.
    if (!name(out, object)) return false;
    for (found = 0; found < type.count; ++found)
        if (!type.fields[found].skipped && type.fields[found].name == out) break;
    if (found != type.count) expected = found + 1;
    return true;
}

// Looks at the number that was read; what is no number has no range.
bool is_within(const field& member, const descriptor& type, const void* value) {
    double number = 0;
    if (type.what == kind::floating)
        number = as<floating_type>(type).load(value);
    else if (type.what != kind::integer)
        return true;
    else if (as<integer_type>(type).is_unsigned)
        number = static_cast<double>(as<integer_type>(type).load(value));
    else
        number = static_cast<double>(static_cast<std::int64_t>(as<integer_type>(type).load(value)));
    return number >= member.minimum && number <= member.maximum;
}
std::string range_of(const field& member) {
    std::string text;
    const auto add = [&text](std::string_view before, double bound) {
        if (!std::isfinite(bound)) return;
        char number[32];
        text.append(text.empty() ? "expected a number " : " ").append(before);
        text.append(number, std::to_chars(number, number + sizeof number, bound).ptr);
    };
    add("from ", member.minimum);
    add("to ", member.maximum);
    return text;
}

bool pass::has_all(const object_type& type, std::uint64_t given, const resolved_member* resolved,
                   const place& here) {
    for (std::uint64_t missing = type.named & ~given; missing != 0; missing &= missing - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(missing));
        if (resolved[i].type->what == kind::wrapper) continue;
        return fail(at_ - 1, "member '" + std::string(type.fields[i].name) + "' is missing", here);
    }
    return true;
}

bool pass::object(void* target, const object_type& type, const place& here, std::size_t depth) {
    const char* const token = at_;
    if (!enter(here, depth)) return false;
    static_assert(most_members <= 64, "given has one bit a member");
    void* members[most_members];
    const std::uint64_t present = type.locate(target, members);
    const resolved_object& all = type.resolve();
    const resolved_member* const resolved = all.members;
    const extra_type* const extra =
        type.extra != type.count ? &as<extra_type>(*resolved[type.extra].type) : nullptr;
    if (extra != nullptr && (present >> type.extra & 1) != 0) extra->clear(members[type.extra]);

    std::uint64_t seen = 0;
    std::uint64_t given = 0; // and not a null that counts as absent
    std::size_t expected = 0;
    std::size_t count = 0;
    place inside{&here};
    for (behind next = is_empty('}') ? behind::end : behind::another; next != behind::end;
         next = element('}', here)) {
        if (next == behind::failure) return false;
        if (count++ == options_.limits.elements) return fail(token, "too many elements", here);
        const char* const key = at_;
        std::size_t found = 0;
        if (!member_name(type, expected, found, inside.name, here)) return false;
        if (found == type.count) {
            if (extra == nullptr && options_.unknown == unknown_members::reject)
                return fail(key, "unknown member", inside);
            std::string_view text;
            if (!raw_text(text, inside, depth + 1)) return false;
            if (extra != nullptr) extra->add(members[type.extra], inside.name, text);
            continue;
        }
        const std::uint64_t bit = std::uint64_t{1} << found;
        if ((seen & bit) != 0) return fail(key, "member is given twice", inside);
        seen |= bit;
        const descriptor& wanted = *resolved[found].type;
        if (at_ != end_ && *at_ == 'n' && !accepts(wanted, 'n')) {
            if (options_.exactness != exactness::lenient) return unexpected(wanted, inside);
            if (!word("null", wanted, inside)) return false;
            continue;
        }
        given |= bit;
        const char* const token_of_value = at_;
        void* part = members[found];
        const descriptor* part_type = &wanted;
        if (wanted.what == kind::wrapper && at_ != end_ && *at_ != 'n') {
            part = as<wrapper_type>(wanted).value(part);
            part_type = resolved[found].element;
        }
        if (!value(part, *part_type, inside, depth + 1)) return false;
        if (is_left_out_) {
            is_left_out_ = false;
            given &= ~bit;
            continue;
        }
        if ((type.ranged & bit) != 0 && !is_within(type.fields[found], *part_type, part))
            return fail(token_of_value, range_of(type.fields[found]), inside);
    }

    if (options_.missing == missing_members::reject && !has_all(type, given, resolved, here)) return false;
    // A member that was absent and is absent by default needs nothing.
    const std::uint64_t changed = seen | present | all.present;
    for (std::uint64_t missing = type.named & ~given & changed; missing != 0; missing &= missing - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(missing));
        resolved[i].type->assign(members[i], resolved[i].initial);
    }
    return true;
}

// Whether a value is of this alternative, as far as can be told without reading it: by its first character, an
// array by its first element, an object by its tag.
pass::fit pass::fits(const descriptor& type, const char* at) const {
    if (at == end_ || !accepts(type, *at)) return fit::no;
    switch (type.what) {
    case kind::wrapper:
        return *at == 'n' ? fit::yes : fits(as<wrapper_type>(type).element(), at);
    case kind::sequence: {
        const char* const first = skip_space(at + 1, end_);
        if (first == end_) return fit::yes;
        if (*first == ']') return is_unfinished(first + 1) ? fit::not_yet : fit::yes;
        return fits(as<sequence_type>(type).element(), first);
    }
    case kind::object:
        return as<object_type>(type).tag_name.empty() ? fit::yes : has_tag(as<object_type>(type), at);
    case kind::variant: {
        const auto& variant = as<variant_type>(type);
        for (std::size_t i = 0; i < variant.count; ++i)
            if (const fit one = fits(variant.alternatives[i](), at); one != fit::no) return one;
        return fit::no;
    }
    default:
        return fit::yes;
    }
}

// Reads the object's members up to the tag. What is malformed on the way has no tag; who reads it says why.
pass::fit pass::has_tag(const object_type& type, const char* at) const {
    for (;;) {
        at = skip_space(at + 1, end_); // behind '{' or ','
        if (at == end_) return fit::no;
        if (*at == '}' && is_unfinished(at + 1)) return fit::not_yet;
        if (*at != '"') return fit::no;
        const scanned name = scan_value(at, end_, options_.limits, 0);
        if (name.problem != nullptr) return fit::no;
        const std::string_view key(at + 1, static_cast<std::size_t>(name.at - at - 2));
        at = skip_space(name.at, end_);
        if (at == end_ || *at != ':') return fit::no;
        at = skip_space(at + 1, end_);
        const scanned value = scan_value(at, end_, options_.limits, 0);
        if (value.problem != nullptr) return fit::no;
        if (is_unfinished(value.at)) return fit::not_yet;
        if (key == type.tag_name) {
            const std::string_view text(at, static_cast<std::size_t>(value.at - at));
            const bool is_same =
                text.size() == type.tag_value.size() + 2 && text.substr(1, text.size() - 2) == type.tag_value;
            return is_same ? fit::yes : fit::no;
        }
        at = skip_space(value.at, end_);
        if (at != end_ && *at == '}' && is_unfinished(at + 1)) return fit::not_yet;
        if (at == end_ || *at != ',') return fit::no;
    }
}

bool pass::variant(void* target, const variant_type& type, const place& here, std::size_t depth) {
    for (std::size_t i = 0; i < type.count; ++i) {
        const descriptor& alternative = type.alternatives[i]();
        switch (fits(alternative, at_)) {
        case fit::yes:
            return value(type.select(target, i), alternative, here, depth);
        case fit::not_yet: {
            std::string_view text;
            return raw_text(text, here, depth) && leave_out();
        }
        case fit::no:
            break;
        }
    }
    return unexpected(type, here);
}

bool pass::enumerator(void* target, const enumeration_type& type, const place& here) {
    const char* const token = at_;
    std::string_view text;
    if (!view(text, here)) return false;
    if (is_unfinished(at_)) return leave_out();
    return type.store(target, text) || fail(token, "unknown value", here);
}

// What most members are is read without the way through all kinds.
inline bool pass::value(void* target, const descriptor& type, const place& here, std::size_t depth) {
    if (at_ != end_ && *at_ == '"') {
        if (type.what == kind::view) return view(*static_cast<std::string_view*>(target), here);
        if (type.what == kind::string) return string(*static_cast<std::string*>(target), here);
    }
    return any_value(target, type, here, depth);
}

bool pass::any_value(void* target, const descriptor& type, const place& here, std::size_t depth) {
    if (at_ == end_) return fail(at_, "document ends too early", here);
    const char first = *at_;
    switch (type.what) {
    case kind::boolean:
        if (first != 't' && first != 'f') break;
        if (!word(first == 't' ? "true" : "false", type, here)) return false;
        as<boolean_type>(type).store(target, first == 't');
        return true;
    case kind::integer:
        if (first != '-' && (first < '0' || first > '9')) break;
        return integer(target, as<integer_type>(type), here);
    case kind::floating:
        if (first != '-' && (first < '0' || first > '9')) break;
        return floating(target, as<floating_type>(type), here);
    case kind::enumeration:
        if (first != '"') break;
        return enumerator(target, as<enumeration_type>(type), here);
    case kind::raw: {
        std::string_view text;
        if (!raw_text(text, here, depth)) return false;
        static_cast<raw*>(target)->text.assign(text);
        return true;
    }
    case kind::raw_view:
        return raw_text(static_cast<raw_view*>(target)->text, here, depth);
    case kind::null:
        return word("null", type, here);
    case kind::wrapper: {
        const auto& wrapper = as<wrapper_type>(type);
        if (first == 'n') { // an element without a value keeps its place
            wrapper.set_null(target);
            return word("null", type, here);
        }
        return value(wrapper.value(target), wrapper.element(), here, depth);
    }
    case kind::sequence:
        if (first != '[') break;
        return sequence(target, as<sequence_type>(type), here, depth);
    case kind::map:
        if (first != '{') break;
        return map(target, as<map_type>(type), here, depth);
    case kind::variant:
        return variant(target, as<variant_type>(type), here, depth);
    case kind::object:
        if (first != '{') break;
        return object(target, as<object_type>(type), here, depth);
    case kind::string:
    case kind::view: // those are read above
    case kind::extra:
        break;
    }
    return unexpected(type, here);
}

} // namespace

const read_options& read_options::standard() noexcept {
    static const read_options options;
    return options;
}

const read_options& read_options::lenient() noexcept {
    static const read_options options = [] {
        read_options o;
        o.exactness = json::exactness::lenient;
        return o;
    }();
    return options;
}

struct reader::state {
    scratch unescaped;
};

reader::reader() : state_(std::make_unique<state>()) {}
reader::~reader() = default;
reader::reader(reader&&) noexcept = default;
reader& reader::operator=(reader&&) noexcept = default;

result<void> reader::read_erased(std::string_view bytes, std::size_t arrived, void* target,
                                 const descriptor& type, const read_options& options) {
    if (bytes.size() > options.limits.total) return make_fault(options.kind, "document is too long", {}, 0);
    pass reading(bytes, arrived, options, state_->unescaped);
    if (reading.document(target, type)) return {};
    if (!valid_utf8(bytes)) return make_fault(options.kind, not_utf8, {}, first_invalid_utf8(bytes));
    return reading.take_failure();
}

result<void> detail::read_beginning(std::string_view bytes, std::size_t arrived, void* target,
                                    const descriptor& type, const read_options& options) {
    // Kept for the thread's next document, unless a large one has made it large.
    constexpr std::size_t largest_kept = 256u << 10;
    if (bytes.size() > largest_kept) {
        reader once;
        return once.read_erased(bytes, arrived, target, type, options);
    }
    thread_local reader kept;
    return kept.read_erased(bytes, arrived, target, type, options);
}

result<void> detail::read_once(std::string_view bytes, void* target, const descriptor& type,
                               const read_options& options) {
    return read_beginning(bytes, bytes.size(), target, type, options);
}

} // namespace modelmesh::json
