#include <modelmesh/http/message.hpp>

#include <algorithm>

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
    for (const header& field : fields_)
        if (iequals(field.name, name)) return field.value;
    return {};
}

bool headers::contains(std::string_view name) const noexcept {
    return std::any_of(fields_.begin(), fields_.end(),
                       [name](const header& field) { return iequals(field.name, name); });
}

void headers::add(std::string_view name, std::string_view value) {
    fields_.push_back(header{std::string(name), std::string(value)});
}

void headers::set(std::string_view name, std::string_view value) {
    remove(name);
    add(name, value);
}

void headers::remove(std::string_view name) {
    std::erase_if(fields_, [name](const header& field) { return iequals(field.name, name); });
}

} // namespace modelmesh::http
