// What the one non-template reader and writer know about a C++ type: its kind and a few operations on
// type-erased objects. Every descriptor is a constant; nested descriptors are reached through functions, so
// that types may be recursive and `extern template` keeps users from instantiating tables that the library
// already has.
#pragma once

#include <modelmesh/json/fields.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace modelmesh::json::detail {

enum class kind : std::uint8_t {
    boolean,     // bool
    integer,     // any integer, a std::chrono::duration as its count
    floating,    // float, double
    string,      // std::string
    view,        // std::string_view
    raw,         // json::raw
    raw_view,    // json::raw_view
    null,        // std::monostate, std::nullptr_t
    enumeration, // an enum class or json::open
    wrapper,     // std::optional, json::nullable, json::maybe
    sequence,    // std::vector
    map,         // std::map<std::string, T>; a vector of pairs, which keeps its order
    variant,     // std::variant, chosen by the shape of the value
    extra,       // json::extra, json::extra_view; only as a member
    object,      // an aggregate
};

struct descriptor {
    kind what;
    void (*assign)(void* to, const void* from);
};
using describe_function = const descriptor& (*)() noexcept;

/// The whole of a description. @pre `what` says that it is one.
template <class T> [[nodiscard]] const T& as(const descriptor& type) noexcept {
    return static_cast<const T&>(type);
}

struct boolean_type : descriptor {
    void (*store)(void*, bool);
    bool (*load)(const void*);
};

struct integer_type : descriptor {
    bool is_unsigned;
    // Both work on the 64-bit pattern of the value. store answers false when the value does not fit.
    bool (*store)(void*, std::uint64_t);
    std::uint64_t (*load)(const void*);
    std::int64_t tick; // nanoseconds that 1 stands for; 0: not a duration
};

struct floating_type : descriptor {
    bool (*store)(void*, double); // false: beyond the type's range
    double (*load)(const void*);
};

struct enumeration_type : descriptor {
    bool (*store)(void*, std::string_view); // false: unknown and not open
    std::string_view (*load)(const void*);
    const std::string_view* names;
    std::size_t count;
    bool is_open;
};

struct wrapper_type : descriptor {
    bool may_be_null;
    describe_function element;
    void* (*value)(void*); // the present value, made when there is none
    void (*set_null)(void*);
    const void* (*get)(const void*); // the present value; null: there is none
};

struct sequence_type : descriptor {
    describe_function element;
    std::size_t (*size)(const void*);
    void* (*at)(void*, std::size_t); // grows by one when the index is the size
    void (*truncate)(void*, std::size_t);
    const void* (*get)(const void*, std::size_t);
};

struct map_type : descriptor {
    describe_function element;
    void (*clear)(void*);
    std::size_t (*size)(const void*);
    void* (*insert)(void*, std::string_view); // null: the key is there already
    void (*erase)(void*, std::string_view);
    using visitor = void (*)(void* context, std::string_view key, const void* value);
    void (*each)(const void*, void* context, visitor);
};

struct variant_type : descriptor {
    const describe_function* alternatives;
    std::size_t count;
    void* (*select)(void*, std::size_t);
    std::size_t (*index)(const void*);
    const void* (*get)(const void*);
};

struct extra_type : descriptor {
    void (*clear)(void*);
    void (*add)(void*, std::string_view name, std::string_view json);
    std::size_t (*size)(const void*);
    std::string_view (*name)(const void*, std::size_t);
    std::string_view (*text)(const void*, std::size_t);
};

// A key as it is written, `"name":`. It is compared eight bytes at a time: its first eight, as many as it has, and
// its last eight. It is copied in blocks: the memory of the text goes on up to a whole one.
struct key_text {
    static constexpr std::size_t block = 16;
    std::string_view text;
    std::uint64_t head;
    std::uint64_t head_mask;
    std::uint64_t tail;
};

// What every read and write looks at comes first, in one cache line.
struct field {
    std::string_view name;
    key_text key;
    bool skipped;
    bool omit_empty;
    describe_function type;
    std::string_view description;
    double minimum;
    double maximum;
    bool secret;
    json::measure measure;

    [[nodiscard]] constexpr bool has_range() const noexcept {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        return minimum > -infinity || maximum < infinity;
    }
};

// A second place of a member in a configuration file.
struct other_place {
    std::size_t field;
    std::string_view path;
};

// What the tables reach through functions, looked up once.
struct resolved_member {
    const descriptor* type;
    const descriptor* element; // of a wrapper, else the type
    const void* initial;       // the member of a default-constructed object
};
struct resolved_object {
    const resolved_member* members; // all, in order
    std::uint64_t present;          // as locate() answers for a default-constructed object
};

struct object_type : descriptor {
    const field* fields;
    std::size_t count;
    std::size_t extra; // index of the extra member; count when there is none
    std::string_view description;
    std::string_view tag_name; // empty: this object is told from others by nothing
    std::string_view tag_value;
    std::uint64_t named;  // one bit for each member that is read and written
    std::uint64_t ranged; // one bit for each member that has a range
    // Addresses of all members, in order. Answers one bit for each that is not absent.
    std::uint64_t (*locate)(void* object, void** members);
    const resolved_object& (*resolve)();
    const other_place* places;
    std::size_t place_count;
};

/// The descriptor of T, defined in describe.hpp. Wire types of the library declare it `extern template`.
template <class T> const descriptor& describe() noexcept;

} // namespace modelmesh::json::detail
