// Enumerations on the wire. An `enum class` whose enumerators count from 0 is written as its enumerators'
// names. As a plain member it is closed: unknown text is an error. As `open<E>` it keeps unknown text.
#pragma once

#include <modelmesh/json/detail/names.hpp>

#include <string>

namespace modelmesh::json {

/// The name of an enumerator on the wire; empty when the value has none.
template <class E> [[nodiscard]] constexpr std::string_view name_of(E value) noexcept {
    constexpr auto& names = detail::enumerators<E>::names;
    const auto index = static_cast<std::size_t>(value);
    return index < std::size(names) ? names[index] : std::string_view();
}

/// Finds the enumerator of this name. @returns false and leaves `out` alone when there is none.
template <class E> [[nodiscard]] constexpr bool enumerator_of(std::string_view name, E& out) noexcept {
    std::size_t index = 0;
    for (const std::string_view known : detail::enumerators<E>::names) {
        if (known == name) {
            out = static_cast<E>(index);
            return true;
        }
        ++index;
    }
    return false;
}

/// An enumerator, or a text that this library does not know; the text is kept. Compares with both.
template <class E> class open {
public:
    open() = default;
    open(E value) : text_(json::name_of(value)) {}
    open(std::string_view text) : text_(text) {}
    open(const char* text) : text_(text) {}

    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// The enumerator, or `otherwise` when the text is unknown.
    [[nodiscard]] E value_or(E otherwise) const noexcept {
        (void)json::enumerator_of(text_, otherwise);
        return otherwise;
    }

    friend bool operator==(const open&, const open&) = default;
    friend bool operator==(const open& a, E b) noexcept { return a.text_ == json::name_of(b); }
    friend bool operator==(const open& a, std::string_view b) noexcept { return a.text_ == b; }
    friend bool operator==(const open& a, const char* b) noexcept { return a.text_ == b; }

private:
    std::string text_; // short names need no memory of their own
};

} // namespace modelmesh::json
