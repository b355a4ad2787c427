#include <modelmesh/json/read.hpp>

#include "json/scan.hpp"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace modelmesh::json {
namespace {

namespace ondemand = simdjson::ondemand;
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
    void drop() noexcept {
        memory_.reset();
        capacity_ = 0;
    }

private:
    std::unique_ptr<char[]> memory_;
    std::size_t capacity_ = 0;
};

template <class T> const T& as(const descriptor& type) noexcept { return static_cast<const T&>(type); }

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

bool starts_value(char c) { return c != '\0' && std::strchr("{[\"-0123456789tfn", c) != nullptr; }

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

/// One document being read. Every function answers false after it has stored the failure.
class pass {
public:
    pass(std::string_view text, const read_options& options, scratch& unescaped)
        : begin_(text.data()), end_(text.data() + text.size()), options_(options), unescaped_(unescaped) {}

    bool value(ondemand::value v, void* target, const descriptor& type, const place& at, std::size_t depth);

    bool fail(const char* where, std::string_view problem, const place& at) {
        failure_ =
            make_fault(options_.kind, problem, pointer_of(&at), static_cast<std::size_t>(where - begin_));
        return false;
    }
    // The parser found the text malformed: the scan knows where and why.
    bool fail_syntax(const place& at) {
        failure_ = explain({begin_, static_cast<std::size_t>(end_ - begin_)}, pointer_of(&at), options_);
        if (failure_.message.empty()) return fail(end_, "malformed value", at);
        return false;
    }
    fault take_failure() { return std::move(failure_); }

private:
    bool object(ondemand::value v, void* target, const object_type& type, const place& at, std::size_t depth);
    bool map(ondemand::value v, void* target, const map_type& type, const place& at, std::size_t depth);
    bool sequence(ondemand::value v, void* target, const sequence_type& type, const place& at,
                  std::size_t depth);
    bool variant(ondemand::value v, void* target, const variant_type& type, const place& at,
                 std::size_t depth);
    bool integer(ondemand::value v, void* target, const integer_type& type, const place& at);
    bool raw_text(const char* token, std::string_view& text, const place& at, std::size_t depth);
    bool string_content(const char* content, std::string_view& raw_content, bool& escaped, const place& at);
    bool ends_value(const char* behind, const place& at);
    bool name(const char* content, std::string_view& out, const place& at);
    bool text_view(const char* content, std::string_view& out, const char*& quote, const place& at);
    bool view(const char* content, std::string_view& out, const place& at);
    bool string(const char* content, std::string& out, const place& at);
    bool enter(const char* token, const place& at, std::size_t depth) {
        return depth < options_.limits.depth || fail(token, "nested too deeply", at);
    }

    const char* begin_;
    const char* end_;
    const read_options& options_;
    scratch& unescaped_;
    char* unescaped_at_ = nullptr; // null until the first string with an escape that a view needs
    fault failure_;
};

bool pass::string_content(const char* content, std::string_view& raw_content, bool& escaped,
                          const place& at) {
    const char* const quote = string_end(content, end_, escaped);
    if (quote == nullptr) return fail_syntax(at);
    raw_content = {content, static_cast<std::size_t>(quote - content)};
    if (raw_content.size() > options_.limits.string) return fail(content - 1, "string is too long", at);
    return true;
}

// On-Demand steps over what nobody consumes without looking closely: it would take `["a":1]` and `[truely]`.
bool pass::ends_value(const char* behind, const place& at) {
    const char* const next = skip_space(behind, end_);
    return next == end_ || *next == ',' || *next == ']' || *next == '}' || fail_syntax(at);
}

bool pass::view(const char* content, std::string_view& out, const place& at) {
    const char* quote = nullptr;
    return text_view(content, out, quote, at) && ends_value(quote + 1, at);
}

bool pass::name(const char* content, std::string_view& out, const place& at) {
    const char* quote = nullptr; // On-Demand checks the colon behind it
    return text_view(content, out, quote, at);
}

bool pass::text_view(const char* content, std::string_view& out, const char*& quote, const place& at) {
    bool escaped = false;
    if (!string_content(content, out, escaped, at)) return false;
    quote = out.data() + out.size();
    if (!escaped) return true;
    // All unescaped strings together are shorter than the document, so the memory never moves during one
    // read.
    if (unescaped_at_ == nullptr) unescaped_at_ = unescaped_.room(static_cast<std::size_t>(end_ - begin_));
    const scanned done = unescape(out.data(), out.data() + out.size(), unescaped_at_);
    if (done.problem != nullptr) return fail(done.at, done.problem, at);
    out = {unescaped_at_, static_cast<std::size_t>(done.at - unescaped_at_)};
    unescaped_at_ += out.size();
    return true;
}

bool pass::string(const char* content, std::string& out, const place& at) {
    std::string_view text;
    bool escaped = false;
    if (!string_content(content, text, escaped, at)) return false;
    if (!ends_value(text.data() + text.size() + 1, at)) return false;
    out.assign(text);
    if (!escaped) return true;
    const scanned done = unescape(text.data(), text.data() + text.size(), out.data());
    if (done.problem != nullptr) return fail(done.at, done.problem, at);
    out.resize(static_cast<std::size_t>(done.at - out.data()));
    return true;
}

// The text of a whole value. On-Demand skips a value that nobody consumes without checking it, so it is
// checked here.
bool pass::raw_text(const char* token, std::string_view& text, const place& at, std::size_t depth) {
    const scanned done = scan_value(token, end_, options_.limits, depth);
    if (done.problem != nullptr) return fail(done.at, done.problem, at);
    text = {token, static_cast<std::size_t>(done.at - token)};
    return ends_value(done.at, at);
}

bool pass::integer(ondemand::value v, void* target, const integer_type& type, const place& at) {
    const char* const token = v.raw_json_token().data();
    std::uint64_t bits = 0;
    if (type.is_unsigned) {
        if (v.get_uint64().get(bits)) return fail(token, "expected an integer in range", at);
    } else {
        std::int64_t number = 0;
        if (v.get_int64().get(number)) {
            constexpr double bound = 9.2e18; // of what an int64 surely holds
            double inexact = 0;
            if (options_.exactness == exactness::strict || v.get_double().get(inexact) ||
                !(inexact > -bound && inexact < bound))
                return fail(token, "expected an integer in range", at);
            number = static_cast<std::int64_t>(inexact);
        }
        bits = static_cast<std::uint64_t>(number);
    }
    return type.store(target, bits) || fail(token, "expected an integer in range", at);
}

bool pass::sequence(ondemand::value v, void* target, const sequence_type& type, const place& at,
                    std::size_t depth) {
    const char* const token = v.raw_json_token().data();
    if (!enter(token, at, depth)) return false;
    ondemand::array array;
    if (v.get_array().get(array)) return fail_syntax(at);
    const descriptor& element = type.element();
    place here{&at, {}, 0, true};
    for (auto item : array) {
        ondemand::value next;
        if (item.get(next)) return fail_syntax(here);
        if (here.index == options_.limits.elements) return fail(token, "too many elements", at);
        if (!value(next, type.at(target, here.index), element, here, depth + 1)) return false;
        ++here.index;
    }
    type.truncate(target, here.index); // elements of an earlier document are reused, the rest goes
    return true;
}

bool pass::map(ondemand::value v, void* target, const map_type& type, const place& at, std::size_t depth) {
    const char* const token = v.raw_json_token().data();
    if (!enter(token, at, depth)) return false;
    ondemand::object object;
    if (v.get_object().get(object)) return fail_syntax(at);
    type.clear(target);
    const descriptor& element = type.element();
    std::size_t count = 0;
    for (auto item : object) {
        ondemand::field member;
        if (std::move(item).get(member)) return fail_syntax(at);
        if (count++ == options_.limits.elements) return fail(token, "too many elements", at);
        place here{&at};
        const char* const content = member.key().raw();
        if (!name(content, here.name, at)) return false;
        void* const slot = type.insert(target, here.name);
        if (slot == nullptr) return fail(content - 1, "member is given twice", here);
        if (!value(member.value(), slot, element, here, depth + 1)) return false;
    }
    return true;
}

bool pass::object(ondemand::value v, void* target, const object_type& type, const place& at,
                  std::size_t depth) {
    const char* const token = v.raw_json_token().data();
    if (!enter(token, at, depth)) return false;
    ondemand::object object;
    if (v.get_object().get(object)) return fail_syntax(at);

    void* members[most_members];
    type.locate(target, members);
    const bool keeps_extra = type.extra != type.count;
    const auto* extra = keeps_extra ? &as<extra_type>(type.fields[type.extra].type()) : nullptr;
    if (keeps_extra) extra->clear(members[type.extra]);

    static_assert(most_members <= 64, "seen has one bit a member");
    std::uint64_t seen = 0;
    std::uint64_t ignored = 0; // of those: null, and counted as absent
    std::size_t expected = 0;  // members mostly come in the order of their declaration
    std::size_t count = 0;
    for (auto item : object) {
        ondemand::field member;
        if (std::move(item).get(member)) return fail_syntax(at);
        if (count++ == options_.limits.elements) return fail(token, "too many elements", at);
        place here{&at};
        const char* const content = member.key().raw();
        if (!name(content, here.name, at)) return false;

        std::size_t found = type.count;
        for (std::size_t tried = 0; tried < type.count; ++tried) {
            const field& candidate = type.fields[expected];
            const std::size_t index = expected;
            if (++expected == type.count) expected = 0;
            if (!candidate.skipped && candidate.name == here.name) {
                found = index;
                break;
            }
        }
        if (found != type.count) {
            const std::uint64_t bit = std::uint64_t{1} << found;
            if ((seen & bit) != 0) return fail(content - 1, "member is given twice", here);
            seen |= bit;
            const descriptor& wanted = type.fields[found].type();
            ondemand::value given = member.value();
            if (options_.exactness == exactness::lenient && !accepts(wanted, 'n') &&
                *given.raw_json_token().data() == 'n') {
                bool is_null = false;
                if (given.is_null().get(is_null) || !is_null) return fail_syntax(here);
                ignored |= bit;
                continue;
            }
            if (!value(given, members[found], wanted, here, depth + 1)) return false;
            continue;
        }
        if (!keeps_extra && options_.unknown == unknown_members::reject)
            return fail(content - 1, "unknown member", here);
        std::string_view text;
        if (!raw_text(member.value().raw_json_token().data(), text, here, depth + 1)) return false;
        if (keeps_extra) extra->add(members[type.extra], here.name, text);
    }

    const void* defaults = nullptr;
    void* default_members[most_members];
    for (std::size_t i = 0; i < type.count; ++i) {
        if (type.fields[i].skipped || ((seen & ~ignored) >> i & 1) != 0) continue;
        if (defaults == nullptr) {
            defaults = type.pristine();
            type.locate(const_cast<void*>(defaults), default_members); // only read
        }
        type.fields[i].type().assign(members[i], default_members[i]);
    }
    return true;
}

bool pass::variant(ondemand::value v, void* target, const variant_type& type, const place& at,
                   std::size_t depth) {
    const std::string_view token = v.raw_json_token();
    for (std::size_t i = 0; i < type.count; ++i) {
        const descriptor& alternative = type.alternatives[i]();
        if (accepts(alternative, token[0])) return value(v, type.select(target, i), alternative, at, depth);
    }
    return fail(token.data(), expectation(type), at);
}

bool pass::value(ondemand::value v, void* target, const descriptor& type, const place& at,
                 std::size_t depth) {
    const char* const token = v.raw_json_token().data();
    // Brackets and commas of a malformed document arrive here too.
    if (!starts_value(*token)) return fail_syntax(at);
    if (!accepts(type, *token)) return fail(token, expectation(type), at);
    switch (type.what) {
    case kind::boolean: {
        bool flag = false;
        if (v.get_bool().get(flag)) return fail(token, expectation(type), at);
        as<boolean_type>(type).store(target, flag);
        return true;
    }
    case kind::integer:
        return integer(v, target, as<integer_type>(type), at);
    case kind::floating: {
        double number = 0;
        if (v.get_double().get(number)) return fail(token, "expected a number in range", at);
        return as<floating_type>(type).store(target, number) || fail(token, "expected a number in range", at);
    }
    // Strings are not consumed: On-Demand steps over an unused scalar by itself.
    case kind::string:
        return string(token + 1, *static_cast<std::string*>(target), at);
    case kind::view:
        return view(token + 1, *static_cast<std::string_view*>(target), at);
    case kind::enumeration: {
        std::string_view text;
        if (!view(token + 1, text, at)) return false;
        return as<enumeration_type>(type).store(target, text) || fail(token, "unknown value", at);
    }
    case kind::raw: {
        std::string_view text;
        if (!raw_text(token, text, at, depth)) return false;
        static_cast<raw*>(target)->text.assign(text);
        return true;
    }
    case kind::raw_view:
        return raw_text(token, static_cast<raw_view*>(target)->text, at, depth);
    case kind::null: {
        bool null = false;
        if (v.is_null().get(null) || !null) return fail(token, expectation(type), at);
        return true;
    }
    case kind::wrapper: {
        const auto& wrapper = as<wrapper_type>(type);
        if (*token == 'n' && wrapper.may_be_null) {
            bool null = false;
            if (v.is_null().get(null) || !null) return fail(token, "expected a value", at);
            wrapper.set_null(target);
            return true;
        }
        return value(v, wrapper.value(target), wrapper.element(), at, depth);
    }
    case kind::sequence:
        return sequence(v, target, as<sequence_type>(type), at, depth);
    case kind::map:
        return map(v, target, as<map_type>(type), at, depth);
    case kind::variant:
        return variant(v, target, as<variant_type>(type), at, depth);
    case kind::object:
        return object(v, target, as<object_type>(type), at, depth);
    case kind::extra:
        break;
    }
    return fail(token, expectation(type), at);
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
    ondemand::parser parser;
    scratch copy;
    scratch unescaped;

    // simdjson grows to exactly the size it needs; in powers of two it soon stops growing.
    bool reserve(std::size_t size) {
        if (size <= parser.capacity() && parser.capacity() != 0) return true;
        return parser.allocate(std::bit_ceil(std::max<std::size_t>(size, 4096))) == simdjson::SUCCESS;
    }
};

reader::reader() : state_(std::make_unique<state>()) {}
reader::~reader() = default;
reader::reader(reader&&) noexcept = default;
reader& reader::operator=(reader&&) noexcept = default;

result<void> reader::read_erased(std::string_view bytes, bool padded, void* target, const descriptor& type,
                                 const read_options& options) {
    if (bytes.size() > options.limits.total) return explain(bytes, {}, options);
    const char* const first = skip_space(bytes.data(), bytes.data() + bytes.size());
    if (first == bytes.data() + bytes.size())
        return make_fault(options.kind, "document is empty", {}, bytes.size());

    // On-Demand gives values only inside an array or an object: any other document is read as the one element
    // of an array around it. A target that keeps the document's own text goes the same way, so that there is
    // one path.
    const bool wrapped = (*first != '{' && *first != '[') || !accepts(type, *first) ||
                         type.what == kind::raw || type.what == kind::raw_view ||
                         type.what == kind::wrapper || type.what == kind::variant;
    if (wrapped) {
        if (result<void> valid = validate(bytes, options); !valid) return valid;
    }
    std::string_view text = bytes;
    if (wrapped || !padded) {
        const std::size_t around = wrapped ? 1 : 0;
        char* const memory = state_->copy.room(bytes.size() + 2 * around + simdjson::SIMDJSON_PADDING);
        if (wrapped) memory[0] = '[';
        std::memcpy(memory + around, bytes.data(), bytes.size());
        if (wrapped) memory[around + bytes.size()] = ']';
        std::memset(memory + bytes.size() + 2 * around, 0, simdjson::SIMDJSON_PADDING);
        text = {memory, bytes.size() + 2 * around};
    }
    if (!state_->reserve(text.size())) return make_fault(options.kind, "document is too long", {}, 0);

    pass reading(wrapped ? text.substr(1, bytes.size()) : text, options, state_->unescaped);
    const place top;
    const auto finish = [&](bool done) -> result<void> {
        if (!done) return reading.take_failure();
        return {};
    };
    ondemand::document document;
    if (state_->parser.iterate(text.data(), text.size(), text.size() + simdjson::SIMDJSON_PADDING)
            .get(document))
        return finish(reading.fail_syntax(top));
    ondemand::value root;
    if (wrapped) {
        ondemand::array around;
        if (document.get_array().get(around)) return finish(reading.fail_syntax(top));
        for (auto item : around) {
            if (item.get(root)) return finish(reading.fail_syntax(top));
            return finish(reading.value(root, target, type, top, 0));
        }
    }
    if (document.get_value().get(root)) return finish(reading.fail_syntax(top));
    if (!reading.value(root, target, type, top, 0)) return finish(false);
    const char* rest = nullptr; // there is a current location exactly when something is left
    if (document.current_location().get(rest) == simdjson::SUCCESS) return finish(reading.fail_syntax(top));
    return {};
}

result<void> detail::read_once(std::string_view bytes, void* target, const descriptor& type,
                               const read_options& options) {
    // Kept for the thread's next document, unless a large one has made it large.
    constexpr std::size_t largest_kept = 256u << 10;
    if (bytes.size() > largest_kept) {
        reader once;
        return once.read_erased(bytes, false, target, type, options);
    }
    thread_local reader kept;
    return kept.read_erased(bytes, false, target, type, options);
}

} // namespace modelmesh::json
