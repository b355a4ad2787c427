// describe<T>(): the descriptor of a C++ type, made at compile time.
#pragma once

#include <modelmesh/json/detail/descriptor.hpp>
#include <modelmesh/json/detail/names.hpp>
#include <modelmesh/json/fields.hpp>
#include <modelmesh/json/open.hpp>
#include <modelmesh/json/types.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <ratio>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace modelmesh::json::detail {

template <class T> void assign(void* to, const void* from) {
    *static_cast<T*>(to) = *static_cast<const T*>(from);
}

// make<T>::value is the descriptor; the primary template is for aggregates.
template <class T> struct make;

template <> struct make<bool> {
    static constexpr boolean_type value{{kind::boolean, assign<bool>},
                                        [](void* p, bool v) { *static_cast<bool*>(p) = v; },
                                        [](const void* p) { return *static_cast<const bool*>(p); }};
};

template <class T, class Rep> constexpr integer_type make_integer(std::int64_t tick = 0) {
    return {{kind::integer, assign<T>},
            std::is_unsigned_v<Rep>,
            [](void* p, std::uint64_t bits) {
                using wide = std::conditional_t<std::is_unsigned_v<Rep>, std::uint64_t, std::int64_t>;
                const wide v = static_cast<wide>(bits);
                if (v < std::numeric_limits<Rep>::min() || v > std::numeric_limits<Rep>::max()) return false;
                *static_cast<T*>(p) = T(static_cast<Rep>(v));
                return true;
            },
            [](const void* p) {
                if constexpr (std::is_same_v<T, Rep>)
                    return static_cast<std::uint64_t>(*static_cast<const T*>(p));
                else
                    return static_cast<std::uint64_t>(static_cast<const T*>(p)->count());
            },
            tick};
}
template <std::integral T> struct make<T> {
    static constexpr integer_type value = make_integer<T, T>();
};
template <std::integral Rep, class Period> struct make<std::chrono::duration<Rep, Period>> {
    static constexpr integer_type value =
        make_integer<std::chrono::duration<Rep, Period>, Rep>(Period::num * std::nano::den / Period::den);
};

template <std::floating_point T> struct make<T> {
    static constexpr floating_type value{
        {kind::floating, assign<T>},
        [](void* p, double v) {
            if (v > std::numeric_limits<T>::max() || v < std::numeric_limits<T>::lowest()) return false;
            *static_cast<T*>(p) = static_cast<T>(v);
            return true;
        },
        [](const void* p) { return static_cast<double>(*static_cast<const T*>(p)); }};
};

template <class T, kind Kind> struct make_plain {
    static constexpr descriptor value{Kind, assign<T>};
};
template <> struct make<std::string> : make_plain<std::string, kind::string> {};
template <> struct make<std::string_view> : make_plain<std::string_view, kind::view> {};
template <> struct make<raw> : make_plain<raw, kind::raw> {};
template <> struct make<raw_view> : make_plain<raw_view, kind::raw_view> {};
template <> struct make<std::monostate> : make_plain<std::monostate, kind::null> {};
template <> struct make<std::nullptr_t> : make_plain<std::nullptr_t, kind::null> {};

template <class E>
    requires std::is_enum_v<E>
struct make<E> {
    static constexpr enumeration_type value{
        {kind::enumeration, assign<E>},
        [](void* p, std::string_view text) { return json::enumerator_of(text, *static_cast<E*>(p)); },
        [](const void* p) { return json::name_of(*static_cast<const E*>(p)); },
        enumerators<E>::names,
        std::size(enumerators<E>::names),
        false};
};
template <class E> struct make<open<E>> {
    static constexpr enumeration_type value{
        {kind::enumeration, assign<open<E>>},
        [](void* p, std::string_view text) {
            *static_cast<open<E>*>(p) = text;
            return true;
        },
        [](const void* p) -> std::string_view { return static_cast<const open<E>*>(p)->text(); },
        enumerators<E>::names,
        std::size(enumerators<E>::names),
        true};
};

template <class W> struct make_wrapper {
    static constexpr wrapper_type value{{kind::wrapper, assign<W>}, requires(const W& w){w.is_null();
}, describe<typename W::value_type>,
    [](void* p) -> void* {
        W& w = *static_cast<W*>(p);
        if (!w.has_value()) w.emplace();
        return std::addressof(*w);
    },
    [](void* p) {
        W& w = *static_cast<W*>(p);
        if constexpr (requires { w.set_null(); })
            w.set_null();
        else
            w.reset();
    },
    [](const void* p) -> const void* {
        const W& w = *static_cast<const W*>(p);
        return w.has_value() ? std::addressof(*w) : nullptr;
    }
}; // namespace modelmesh::json::detail
}
;
template <class T> struct make<std::optional<T>> : make_wrapper<std::optional<T>> {};
template <class T> struct make<nullable<T>> : make_wrapper<nullable<T>> {};
template <class T> struct make<maybe<T>> : make_wrapper<maybe<T>> {};

template <class T>
    requires(!std::same_as<T, bool>) // vector<bool> has no elements to point at
struct make<std::vector<T>> {
    using list = std::vector<T>;
    static constexpr sequence_type value{
        {kind::sequence, assign<list>},
        describe<T>,
        [](const void* p) { return static_cast<const list*>(p)->size(); },
        [](void* p, std::size_t i) -> void* {
            list& l = *static_cast<list*>(p);
            return i < l.size() ? &l[i] : &l.emplace_back();
        },
        [](void* p, std::size_t size) {
            list& l = *static_cast<list*>(p);
            l.erase(l.begin() + static_cast<std::ptrdiff_t>(size), l.end());
        },
        [](const void* p, std::size_t i) -> const void* { return &(*static_cast<const list*>(p))[i]; }};
};

template <class T, class Less, class Allocator> struct make<std::map<std::string, T, Less, Allocator>> {
    using dictionary = std::map<std::string, T, Less, Allocator>;
    static constexpr map_type value{
        {kind::map, assign<dictionary>},
        describe<T>,
        [](void* p) { static_cast<dictionary*>(p)->clear(); },
        [](const void* p) { return static_cast<const dictionary*>(p)->size(); },
        [](void* p, std::string_view key) -> void* {
            const auto [at, added] = static_cast<dictionary*>(p)->try_emplace(std::string(key));
            return added ? &at->second : nullptr;
        },
        [](void* p, std::string_view key) { static_cast<dictionary*>(p)->erase(std::string(key)); },
        [](const void* p, void* context, map_type::visitor visit) {
            for (const auto& [key, element] : *static_cast<const dictionary*>(p))
                visit(context, key, &element);
        }};
};

// Few entries, whose order means something: found by looking at each.
template <class T> struct make<std::vector<std::pair<std::string, T>>> {
    using list = std::vector<std::pair<std::string, T>>;
    static auto find(list& in, std::string_view key) {
        return std::find_if(in.begin(), in.end(), [key](const auto& entry) { return entry.first == key; });
    }
    static constexpr map_type value{{kind::map, assign<list>},
                                    describe<T>,
                                    [](void* p) { static_cast<list*>(p)->clear(); },
                                    [](const void* p) { return static_cast<const list*>(p)->size(); },
                                    [](void* p, std::string_view key) -> void* {
                                        list& l = *static_cast<list*>(p);
                                        if (find(l, key) != l.end()) return nullptr;
                                        return &l.emplace_back(std::string(key), T{}).second;
                                    },
                                    [](void* p, std::string_view key) {
                                        list& l = *static_cast<list*>(p);
                                        if (const auto at = find(l, key); at != l.end()) l.erase(at);
                                    },
                                    [](const void* p, void* context, map_type::visitor visit) {
                                        for (const auto& [key, element] : *static_cast<const list*>(p))
                                            visit(context, key, &element);
                                    }};
};

template <class... T> struct make<std::variant<T...>> {
    using any = std::variant<T...>;
    static constexpr describe_function alternatives[] = {describe<T>...};

    template <std::size_t I> static void* select(any& v) {
        if (v.index() != I) v.template emplace<I>();
        return std::get_if<I>(&v);
    }
    static constexpr variant_type value{
        {kind::variant, assign<any>},
        alternatives,
        sizeof...(T),
        [](void* p, std::size_t index) {
            return [&]<std::size_t... I>(std::index_sequence<I...>) {
                using selector = void* (*)(any&);
                constexpr selector table[] = {select<I>...};
                return table[index](*static_cast<any*>(p));
            }(std::index_sequence_for<T...>{});
        },
        [](const void* p) { return static_cast<const any*>(p)->index(); },
        [](const void* p) -> const void* {
            return std::visit([](const auto& v) -> const void* { return std::addressof(v); },
                              *static_cast<const any*>(p));
        }};
};

template <class Extra> struct make_extra {
    static constexpr extra_type value{{kind::extra, assign<Extra>},
                                      [](void* p) { static_cast<Extra*>(p)->clear(); },
                                      [](void* p, std::string_view name, std::string_view json) {
                                          static_cast<Extra*>(p)->add(name, json);
                                      },
                                      [](const void* p) { return static_cast<const Extra*>(p)->size(); },
                                      [](const void* p, std::size_t i) -> std::string_view {
                                          return (*static_cast<const Extra*>(p))[i].name;
                                      },
                                      [](const void* p, std::size_t i) -> std::string_view {
                                          return (*static_cast<const Extra*>(p))[i].value.text;
                                      }};
};
template <> struct make<extra> : make_extra<extra> {};
template <> struct make<extra_view> : make_extra<extra_view> {};

template <class T>
concept has_rules = requires { T::json_fields; };

// All rules of a member as one.
template <class T> consteval field_rule rule_of(std::string_view member) {
    field_rule all{.member = member};
    if constexpr (has_rules<T>) {
        for (const field_rule& rule : T::json_fields) {
            if (rule.member != member) continue;
            if (!rule.name.empty()) all.name = rule.name;
            if (!rule.description.empty()) all.description = rule.description;
            all.skipped = all.skipped || rule.skipped;
            all.omit_empty = all.omit_empty || rule.omit_empty;
            all.secret = all.secret || rule.secret;
            if (rule.measure != measure::plain) all.measure = rule.measure;
            if (rule.minimum > all.minimum) all.minimum = rule.minimum;
            if (rule.maximum < all.maximum) all.maximum = rule.maximum;
        }
    }
    return all;
}
template <class T> consteval tag tag_of() {
    if constexpr (requires { T::json_tag; })
        return T::json_tag;
    else
        return {};
}
template <class T> consteval std::string_view description_of() {
    if constexpr (requires { T::json_description; })
        return T::json_description;
    else
        return {};
}

// Eight bytes as memcpy reads them.
constexpr std::uint64_t word_of(std::string_view bytes) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < bytes.size() && i < 8; ++i) {
        const std::size_t place = std::endian::native == std::endian::little ? i : 7 - i;
        word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * place);
    }
    return word;
}
constexpr key_text make_key(std::string_view text) {
    constexpr std::string_view ones = "\xff\xff\xff\xff\xff\xff\xff\xff";
    return {text, word_of(text), word_of(ones.substr(0, text.size())),
            text.size() < 8 ? 0 : word_of(text.substr(text.size() - 8))};
}

template <class T, std::size_t I> struct wire_name {
    static constexpr field_rule rule = rule_of<T>(member_name<T, I>);
    static constexpr std::string_view name = rule.name.empty() ? rule.member : rule.name;
    static constexpr bool plain = name.find_first_of("\"\\") == name.npos;
    static_assert(plain, "a wire name needs no escapes");
    static constexpr std::size_t size = name.size() + 3;
    static constexpr auto text = [] {
        std::array<char, (size + key_text::block - 1) / key_text::block * key_text::block> key{};
        std::size_t at = 0;
        key[at++] = '"';
        for (const char c : name) key[at++] = c;
        key[at++] = '"';
        key[at] = ':';
        return key;
    }();
    static constexpr key_text key = make_key({text.data(), size});
};

template <class T> inline constexpr bool is_shared = false;
template <class T> inline constexpr bool is_shared<std::shared_ptr<T>> = true;

// A type that says so (`using json_opaque = void;`) is no part of a document, nor is an object that a program shares:
// members of them are passed over.
template <class T>
concept opaque = is_shared<T> || requires { typename T::json_opaque; };

// Whether a member is to be written. One that may be null is, also without a value.
template <class M> bool is_present(const M&) { return true; }
template <class T> bool is_present(const std::optional<T>& member) { return member.has_value(); }
template <class T> bool is_present(const maybe<T>& member) { return !member.is_absent(); }
inline bool is_present(const extra& members) { return !members.empty(); }
inline bool is_present(const extra_view& members) { return !members.empty(); }
template <class... M> std::uint64_t present_of(const M&... member) {
    std::uint64_t bits = 0;
    [[maybe_unused]] std::uint64_t bit = 1;
    ((bits |= is_present(member) ? bit : 0, bit <<= 1), ...);
    return bits;
}

template <class T>
concept wire_struct = std::is_aggregate_v<T> && std::is_class_v<T> && std::is_default_constructible_v<T>;

template <class T> struct make {
    static_assert(wire_struct<T>, "not a JSON type: use an aggregate, or one of the types in json/types.hpp");
    static constexpr std::size_t count = count_members<T>();

    template <std::size_t I>
    static constexpr bool is_extra =
        std::is_same_v<member_type<T, I>, extra> || std::is_same_v<member_type<T, I>, extra_view>;

    template <class M> static resolved_member resolve(const M& member) {
        if constexpr (opaque<M>) {
            return {};
        } else {
            const descriptor& type = describe<M>();
            const descriptor* element = &type;
            if (type.what == kind::wrapper) element = &static_cast<const wrapper_type&>(type).element();
            return {&type, element, std::addressof(member)};
        }
    }
    template <class M> static constexpr describe_function type_of() {
        if constexpr (opaque<M>)
            return nullptr;
        else
            return describe<M>;
    }
    template <std::size_t... I> static constexpr auto make_fields(std::index_sequence<I...>) {
        return std::array<field, sizeof...(I)>{field{
            wire_name<T, I>::name, wire_name<T, I>::key,
            wire_name<T, I>::rule.skipped || is_extra<I> || opaque<member_type<T, I>>,
            wire_name<T, I>::rule.omit_empty, type_of<member_type<T, I>>(), wire_name<T, I>::rule.description,
            wire_name<T, I>::rule.minimum, wire_name<T, I>::rule.maximum, wire_name<T, I>::rule.secret,
            wire_name<T, I>::rule.measure}...};
    }
    template <std::size_t... I>
    static consteval std::size_t index_of(std::string_view member, std::index_sequence<I...>) {
        std::size_t found = count;
        ((member_name<T, I> == member ? void(found = I) : void()), ...);
        return found;
    }
    static consteval std::size_t count_places() {
        std::size_t number = 0;
        if constexpr (has_rules<T>)
            for (const field_rule& rule : T::json_fields) number += rule.place.empty() ? 0 : 1;
        return number;
    }
    static consteval auto make_places() {
        std::array<other_place, count_places()> all{};
        if constexpr (count_places() != 0) {
            std::size_t next = 0;
            for (const field_rule& rule : T::json_fields)
                if (!rule.place.empty())
                    all[next++] = {index_of(rule.member, std::make_index_sequence<count>{}), rule.place};
        }
        return all;
    }
    // Of one object whose members are all as they are by default.
    struct defaults {
        T object{};
        std::array<resolved_member, count> members = with_members(object, [](const auto&... member) {
            return std::array<resolved_member, count>{resolve(member)...};
        });
        resolved_object all{members.data(), with_members(object, [](const auto&... member) {
                                return present_of(member...);
                            })};
        defaults() = default;
        defaults(const defaults&) = delete;
    };
    template <std::size_t... I> static constexpr std::size_t find_extra(std::index_sequence<I...>) {
        std::size_t found = count;
        ((is_extra<I> ? void(found = I) : void()), ...);
        return found;
    }
    // A rule for a member that does not exist is a typing error.
    template <std::size_t... I> static consteval bool rules_match(std::index_sequence<I...>) {
        if constexpr (has_rules<T>)
            for (const field_rule& rule : T::json_fields)
                if (!((rule.member == member_name<T, I>) || ...)) return false;
        return true;
    }
    static_assert(rules_match(std::make_index_sequence<count>{}),
                  "json_fields names a member that does not exist");

    static constexpr auto fields = make_fields(std::make_index_sequence<count>{});
    static constexpr auto places = make_places();
    template <class Is> static constexpr std::uint64_t bits_of(Is is) {
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < count; ++i)
            if (is(fields[i])) bits |= std::uint64_t{1} << i;
        return bits;
    }
    static constexpr object_type value{{kind::object, assign<T>},
                                       fields.data(),
                                       count,
                                       find_extra(std::make_index_sequence<count>{}),
                                       description_of<T>(),
                                       tag_of<T>().member,
                                       tag_of<T>().value,
                                       bits_of([](const field& f) { return !f.skipped; }),
                                       bits_of([](const field& f) { return f.has_range(); }),
                                       [](void* object, void** members) {
                                           return with_members(*static_cast<T*>(object),
                                                               [members](auto&... member) {
                                                                   [[maybe_unused]] void** at = members;
                                                                   ((*at++ = std::addressof(member)), ...);
                                                                   return present_of(member...);
                                                               });
                                       },
                                       []() -> const resolved_object& {
                                           static const defaults known{};
                                           return known.all;
                                       },
                                       places.data(),
                                       places.size()};
};

template <class T> const descriptor& describe() noexcept { return make<T>::value; }

} // namespace modelmesh::json::detail
