#include <modelmesh/http/message.hpp>

#include <algorithm>
#include <utility>

namespace modelmesh::http {
namespace {
constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
} // namespace

bool iequals(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view headers::get(std::string_view name) const noexcept {
    for (const header field : *this)
        if (iequals(field.name, name)) return field.value;
    return {};
}

bool headers::contains(std::string_view name) const noexcept {
    return std::any_of(begin(), end(), [name](const header& field) { return iequals(field.name, name); });
}

void headers::add(std::string_view name, std::string_view value) {
    const std::size_t at = text_.size();
    // Both may be views of this very buffer, so it must not move before they are copied.
    if (text_.capacity() - at < name.size() + value.size()) {
        std::string grown;
        grown.reserve(2 * (at + name.size() + value.size()));
        grown.append(text_).append(name).append(value);
        text_ = std::move(grown);
    } else {
        text_.append(name).append(value);
    }
    places_.push_back(place{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(name.size()),
                            static_cast<std::uint32_t>(value.size())});
}

void headers::set(std::string_view name, std::string_view value) {
    remove(name);
    add(name, value);
}

void headers::remove(std::string_view name) {
    std::erase_if(places_, [this, name](const place& p) { return iequals(at(p).name, name); });
}

} // namespace modelmesh::http
