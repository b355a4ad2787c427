#include <modelmesh/api/embeddings.hpp>
#include <modelmesh/core/base64.hpp>

#include <bit>

namespace modelmesh::embeddings {
namespace {

float little_endian(std::string_view four) {
    std::uint32_t bits = 0;
    for (std::size_t i = four.size(); i-- > 0;) bits = bits << 8 | static_cast<unsigned char>(four[i]);
    return std::bit_cast<float>(bits);
}

} // namespace

result<std::vector<float>> numbers_of(const embeddings::vector& of) {
    if (const auto* numbers = std::get_if<std::vector<float>>(&of)) return *numbers;
    const result<std::string> bytes = base64::decode(std::get<std::string>(of));
    if (!bytes) return bytes.error();
    if (bytes->size() % sizeof(float) != 0)
        return fault(errc::protocol, "the bytes of an embedding are no whole numbers");
    std::vector<float> numbers;
    numbers.reserve(bytes->size() / sizeof(float));
    for (std::size_t at = 0; at != bytes->size(); at += sizeof(float))
        numbers.push_back(little_endian(std::string_view(*bytes).substr(at, sizeof(float))));
    return numbers;
}

} // namespace modelmesh::embeddings
