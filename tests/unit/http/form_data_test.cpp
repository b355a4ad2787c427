#include <modelmesh/http/form_data.hpp>

#include "support/body_sources.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace modelmesh::http {
namespace {

// Says the numbers that the test wants.
class scripted_random final : public rng {
public:
    explicit scripted_random(std::vector<std::uint64_t> numbers) : numbers_(std::move(numbers)) {}
    std::uint64_t next() noexcept override { return numbers_[next_++ % numbers_.size()]; }

private:
    std::vector<std::uint64_t> numbers_;
    std::size_t next_ = 0;
};

const std::string boundary = "----modelmesh-fedcba98765432100000000000000001";

class FormData : public testing::Test {
protected:
    std::string body() {
        std::string all;
        for (;;) {
            const auto got = run(request.source->read());
            if (!got) return "failed: " + got.error().message;
            if (!*got) return all;
            all += **got;
        }
    }
    void attach() { std::move(form).attach_to(request); }

    scripted_random random{{0x0123456789abcdef, 0x1000000000000000}};
    form_data form{random};
    http::request request;
};

TEST_F(FormData, IsExactlyThis) {
    form.add_field("model", "whisper-1");
    form.add_file("file", "a.wav", "audio/wav", bytes_source("RIFF"));
    form.add_file("second", "b", "", bytes_source(""));
    form.add_field("last", "");
    attach();
    EXPECT_EQ(request.headers.get("content-type"), "multipart/form-data; boundary=" + boundary);
    const std::string want = "--" + boundary +
                             "\r\n"
                             "Content-Disposition: form-data; name=\"model\"\r\n\r\n"
                             "whisper-1\r\n"
                             "--" +
                             boundary +
                             "\r\n"
                             "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n"
                             "Content-Type: audio/wav\r\n\r\n"
                             "RIFF\r\n"
                             "--" +
                             boundary +
                             "\r\n"
                             "Content-Disposition: form-data; name=\"second\"; filename=\"b\"\r\n\r\n"
                             "\r\n"
                             "--" +
                             boundary +
                             "\r\n"
                             "Content-Disposition: form-data; name=\"last\"\r\n\r\n"
                             "\r\n"
                             "--" +
                             boundary + "--\r\n";
    EXPECT_EQ(body(), want);
    EXPECT_EQ(request.source->length(), want.size());
    EXPECT_EQ(body(), "");
    EXPECT_TRUE(request.source->rewind());
    EXPECT_EQ(body(), want);
}

TEST_F(FormData, AFormWithoutPartsIsItsEnd) {
    attach();
    EXPECT_EQ(body(), "--" + boundary + "--\r\n");
    EXPECT_EQ(request.source->length(), body().size() + boundary.size() + 6);
}

TEST_F(FormData, NamesAreWrittenAsBrowsersDo) {
    form.add_field("a\"b\r\nc\\d%22", "\"\r\n");
    form.add_file("x", "\xc3\xa4 \"q\".txt\n", "text/plain", bytes_source("1"));
    attach();
    const std::string text = body();
    EXPECT_NE(text.find("name=\"a%22b%0D%0Ac\\d%22\"\r\n\r\n\"\r\n\r\n--"), std::string::npos) << text;
    EXPECT_NE(text.find("name=\"x\"; filename=\"\xc3\xa4 %22q%22.txt%0A\"\r\n"), std::string::npos) << text;
}

TEST_F(FormData, AContentTypeCannotBringALineOfItsOwn) {
    for (const char* bad : {"a/b\r\nX: y", "a/b\n", "a\x01/b", "a/b\x7f"})
        EXPECT_THROW(form.add_file("n", "f", bad, bytes_source("")), std::invalid_argument);
    EXPECT_THROW(form.add_file("n", "f", "a/b", nullptr), std::invalid_argument);
}

TEST_F(FormData, ABoundaryThatAValueHasIsNotTaken) {
    scripted_random repeating({0x0123456789abcdef, 0x1000000000000000, 1, 2});
    form_data other(repeating);
    other.add_field("f", "x\r\n--" + boundary + "--\r\n");
    std::move(other).attach_to(request);
    EXPECT_EQ(request.headers.get("content-type"),
              "multipart/form-data; boundary=----modelmesh-10000000000000002000000000000000");
}

TEST_F(FormData, TheBoundaryIsOneThatMailKnows) {
    EXPECT_LE(boundary.size(), 70u) << "RFC 2046, section 5.1.1";
}

TEST_F(FormData, WithoutTheLengthOfAPartThereIsNone) {
    form.add_file("a", "a", "", std::make_shared<support::counted_source>(10));
    attach();
    EXPECT_FALSE(request.source->length());
    EXPECT_NE(body().find(support::counted_source::bytes(0, 10)), std::string::npos);
}

TEST_F(FormData, APartThatFailsFailsTheForm) {
    const auto part = std::make_shared<support::counted_source>(10, 4);
    part->fails_at = 2;
    form.add_field("a", "b");
    form.add_file("a", "a", "", part);
    attach();
    EXPECT_EQ(body(), "failed: the source failed");
}

TEST_F(FormData, IsSentAgainWhenAllPartsCanBe) {
    const auto part = std::make_shared<support::counted_source>(10);
    form.add_file("a", "a", "", part);
    form.add_file("b", "b", "", bytes_source("1"));
    attach();
    const std::string first = body();
    EXPECT_TRUE(request.source->rewind());
    EXPECT_EQ(body(), first);
    part->may_rewind = false;
    EXPECT_FALSE(request.source->rewind());
}

} // namespace
} // namespace modelmesh::http
