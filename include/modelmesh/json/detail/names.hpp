// Names of members and enumerators, taken from the compiler.
#pragma once

#include <modelmesh/json/detail/members_of.hpp>

#include <memory>
#include <string_view>

namespace modelmesh::json::detail {

// An object that is never alive: only the addresses of its members are used, and only at compile time.
// A union and not an extern object, because a type of an unnamed namespace cannot have an extern object.
template <class T> union unborn {
    char none;
    T value;
    constexpr unborn() : none{} {}
    constexpr ~unborn() {}
};
template <class T> inline constexpr unborn<T> unborn_object{};

// A list of pointers whose elements are reached by one overload resolution (std::tuple costs more to
// include).
template <std::size_t I, class T> struct pointer_at {
    const T* pointer;
};
template <class Indices, class... T> struct pointer_list;
template <std::size_t... I, class... T>
struct pointer_list<std::index_sequence<I...>, T...> : pointer_at<I, T>... {
    constexpr explicit pointer_list(const T*... p) : pointer_at<I, T>{p}... {}
};
template <std::size_t I, class T> constexpr const T* pointer_of(const pointer_at<I, T>& at) {
    return at.pointer;
}
template <std::size_t I, class T> T element_of(const pointer_at<I, T>&); // never defined: names the type

template <class T>
inline constexpr auto member_pointers = with_members(unborn_object<T>.value, [](const auto&... member) {
    return pointer_list<std::make_index_sequence<sizeof...(member)>,
                        std::remove_cvref_t<decltype(member)>...>(std::addressof(member)...);
});

template <class T, std::size_t I> using member_type = decltype(element_of<I>(member_pointers<T>));

// The last identifier of a text such as `... [with auto V = (& x.n::S::name)]`.
consteval std::string_view last_identifier(std::string_view text) {
    const auto identifier = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    std::size_t end = text.size();
    while (end > 0 && !identifier(text[end - 1])) --end;
    std::size_t begin = end;
    while (begin > 0 && identifier(text[begin - 1])) --begin;
    return text.substr(begin, end - begin);
}

// These return auto: a spelled return type would appear behind the name in the compiler's text.
template <const auto* Pointer> consteval auto pointer_text() { return std::string_view(__PRETTY_FUNCTION__); }
template <auto Value> consteval auto value_text() { return std::string_view(__PRETTY_FUNCTION__); }

// A constant, not a function: compilers count the steps of evaluating a rule's table, which looks for each name.
template <class T, std::size_t I>
inline constexpr std::string_view member_name =
    last_identifier(pointer_text<pointer_of<I>(member_pointers<T>)>());

// Empty for a value that has no enumerator: compilers print such a value as `(E)7`.
// One trailing underscore is dropped, so that `auto_` and `default_` can name what C++ reserves.
template <auto Value> consteval std::string_view enumerator_name() {
    const std::string_view text = value_text<Value>();
    const std::string_view name = last_identifier(text);
    if (text.substr(0, text.size() - name.size() - 1).ends_with(')')) return {};
    return name.ends_with('_') ? name.substr(0, name.size() - 1) : name;
}

template <class E, std::size_t I = 0> consteval std::size_t count_enumerators() {
    if constexpr (I == 64)
        return I;
    else if constexpr (enumerator_name<static_cast<E>(I)>().empty())
        return I;
    else
        return count_enumerators<E, I + 1>();
}

template <class E, class = std::make_index_sequence<count_enumerators<E>()>> struct enumerators;
template <class E, std::size_t... I> struct enumerators<E, std::index_sequence<I...>> {
    static constexpr std::string_view names[] = {enumerator_name<static_cast<E>(I)>()...};
};

} // namespace modelmesh::json::detail
