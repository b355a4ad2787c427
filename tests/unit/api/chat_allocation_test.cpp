// Re-reading chunks with a warm reader and a reused target allocates nothing.
#include <modelmesh/api/chat.hpp>
#include <modelmesh/json/read.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

namespace {
std::size_t allocations = 0; // the test has one thread
}

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++allocations;
    return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace modelmesh::chat {
namespace {

std::size_t allocations_of_warm_read(std::string_view wire) {
    std::string padded(wire);
    padded.append(64, ' ');
    const std::string_view bytes(padded.data(), wire.size());
    json::reader reader;
    chunk c;
    EXPECT_TRUE(reader.read(wire, c));
    EXPECT_TRUE(reader.read(bytes, c));
    const std::size_t before = allocations;
    bool fine = true;
    for (int i = 0; i < 10; ++i) {
        fine = fine && reader.read(wire, c).has_value();
        fine = fine && reader.read(bytes, c).has_value();
    }
    const std::size_t counted = allocations - before;
    EXPECT_TRUE(fine);
    return counted;
}

TEST(ChatAllocation, TheCounterCounts) {
    const std::size_t before = allocations;
    const std::string text(100, 'x');
    EXPECT_EQ(allocations - before, 1u) << text.size();
}

TEST(ChatAllocation, WarmChunksCostNone) {
    EXPECT_EQ(
        allocations_of_warm_read(
            R"({"id":"chatcmpl-0123456789abcdef0123456789","object":"chat.completion.chunk","created":1795000000,"model":"m","choices":[{"index":0,"delta":{"content":"Hello \"world\" \n"},"finish_reason":null}],"usage":null,"unknown":{"a":[1]}})"),
        0u);
    EXPECT_EQ(
        allocations_of_warm_read(
            R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}}]},"finish_reason":null}],"usage":null})"),
        0u);
    EXPECT_EQ(
        allocations_of_warm_read(
            R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}})"),
        0u);
}

} // namespace
} // namespace modelmesh::chat
