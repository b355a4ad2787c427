// Any bytes: reading the chat types never misbehaves; what they accept is JSON, and survives being written
// and read.
// fuzz-uses: api json core
#include <modelmesh/api/chat.hpp>
#include <modelmesh/json/members.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace {

namespace json = modelmesh::json;
namespace chat = modelmesh::chat;

void require(bool holds) {
    if (!holds) std::abort();
}

// The first reader keeps the strings of `once` alive while the second one reads what was written.
template <class T> void round_trip(std::string_view bytes) {
    static json::reader first;
    static json::reader second;
    T once{};
    if (!first.read(bytes, once)) return;
    require(json::validate(bytes).has_value());
    const std::string text = json::write(once);
    T twice{};
    require(second.read(text, twice).has_value());
    require(once == twice);
    require(json::write(twice) == text);
}

struct tree {
    std::vector<tree> children{};
    json::maybe<std::variant<std::string, std::vector<json::maybe<double>>>> mixed{};
    json::extra extra{};

    friend bool operator==(const tree&, const tree&) = default;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    round_trip<chat::request>(bytes);
    round_trip<chat::reply>(bytes);
    round_trip<chat::chunk>(bytes);
    round_trip<tree>(bytes);
    round_trip<std::vector<json::raw>>(bytes);
    round_trip<std::vector<std::string>>(bytes);
    // The reader and the scan agree on what JSON is.
    json::raw whole;
    static json::reader any;
    require(any.read(bytes, whole).has_value() == json::validate(bytes).has_value());
    if (const auto members = json::members(bytes))
        for (const json::member& m : *members) require(json::validate(m.value).has_value());
    (void)json::string_value(bytes);
    return 0;
}
