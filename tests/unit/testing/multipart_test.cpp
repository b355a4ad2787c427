// Forms with files: what is read, and what is refused instead of guessed at.
#include "multipart.hpp"
#include "service_fixture.hpp"

#include <gmock/gmock.h>

namespace modelmesh::testing::detail {
namespace {

using ::testing::HasSubstr;

const std::string type = "multipart/form-data; boundary=B";

std::string problem_of(const std::string& content_type, const std::string& body) {
    try {
        read_parts(content_type, body);
    } catch (const refusal& refused) {
        EXPECT_EQ(refused.status, 400);
        return refused.error.message;
    }
    return "accepted";
}

TEST(Multipart, ReadsFieldsAndFiles) {
    const std::vector<form_part> parts =
        read_parts("Multipart/Form-Data; charset=x; Boundary=\"B\"",
                   "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n"
                   "--B\r\ncontent-disposition:form-data; filename=\"a.wav\"; name=file\r\n"
                   "Content-Type: audio/wav\r\n\r\n\r\n--C\r\nbytes\r\n\r\n"
                   "--B\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n"
                   "--B--\r\n");
    ASSERT_EQ(parts.size(), 3U);
    EXPECT_EQ(parts[0].name, "model");
    EXPECT_EQ(parts[0].body, "m");
    EXPECT_FALSE(parts[0].file_name);
    EXPECT_EQ(parts[1].name, "file");
    EXPECT_EQ(parts[1].file_name, "a.wav");
    EXPECT_EQ(parts[1].content_type, "audio/wav");
    EXPECT_EQ(parts[1].body, "\r\n--C\r\nbytes\r\n");
    EXPECT_EQ(parts[2].body, "");
}

TEST(Multipart, ReadsNamesAsBrowsersAndAsCurlWriteThem) {
    const std::vector<form_part> parts = read_parts(
        type, "ignored\r\n--B \r\nContent-Disposition: form-data; name=\"a\"; "
              "filename=\"x%22;%0D%0A.txt\"\r\n\r\n1\r\n"
              "--B\r\nContent-Disposition: form-data; name=\"b\"; filename=\"C:\\\\y\\\".txt\"\r\n\r\n2\r\n"
              "--B--");
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[0].file_name, "x\";\r\n.txt");
    EXPECT_EQ(parts[1].file_name, "C:\\\\y\".txt");
}

TEST(Multipart, AFormWithoutPartsIsEmpty) { EXPECT_TRUE(read_parts(type, "--B--\r\n").empty()); }

TEST(Multipart, RefusesWhatIsNoForm) {
    const std::string part = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1";
    const std::string whole = part + "\r\n--B--\r\n";
    EXPECT_EQ(problem_of(type, whole), "accepted");
    EXPECT_THAT(problem_of("application/json", whole), HasSubstr("is not multipart/form-data"));
    EXPECT_THAT(problem_of("multipart/form-data", whole), HasSubstr("names no boundary"));
    EXPECT_THAT(problem_of("multipart/form-data; boundary=" + std::string(71, 'B'), whole),
                HasSubstr("names no boundary"));
    EXPECT_THAT(problem_of("multipart/form-data; boundary=\"B", whole), HasSubstr("does not end"));
    EXPECT_THAT(problem_of("multipart/form-data; boundary=C", whole),
                HasSubstr("boundary is not in the body"));
    EXPECT_THAT(problem_of(type, part), HasSubstr("the last part does not end"));
    EXPECT_THAT(problem_of(type, part + "\r\n--Bx"), HasSubstr("does not end its line"));
    EXPECT_THAT(problem_of(type, "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n"),
                HasSubstr("headers of a part do not end"));
    EXPECT_THAT(problem_of(type, "--B\r\n\r\n1\r\n--B--"), HasSubstr("not form-data with a name"));
    EXPECT_THAT(problem_of(type, "--B\r\nContent-Disposition: form-data\r\n\r\n1\r\n--B--"),
                HasSubstr("not form-data with a name"));
    EXPECT_THAT(problem_of(type, "--B\r\nContent-Disposition: file; name=a\r\n\r\n1\r\n--B--"),
                HasSubstr("not form-data with a name"));
    EXPECT_THAT(problem_of(type, "--B\r\nnonsense\r\n\r\n1\r\n--B--"), HasSubstr("has no colon"));
}

TEST(Multipart, EveryTruncationIsRefused) {
    const std::string whole =
        "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f\"\r\n\r\n1\r\n--B--";
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_NE(problem_of(type, whole.substr(0, size)), "accepted") << size;
}

} // namespace
} // namespace modelmesh::testing::detail
