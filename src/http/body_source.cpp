// The sources that come with the library.
#include <modelmesh/http/body_source.hpp>

#include <modelmesh/http/attachment.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

namespace modelmesh::http {
namespace {

using piece = std::optional<std::string_view>;

constexpr std::size_t file_piece = 64 * 1024;

class memory_source final : public body_source {
public:
    explicit memory_source(std::string bytes) : bytes_(std::move(bytes)) {}

    [[nodiscard]] std::optional<std::uint64_t> length() const noexcept override { return bytes_.size(); }
    [[nodiscard]] task<result<piece>> read() override {
        if (std::exchange(is_read_, true) || bytes_.empty()) co_return piece();
        co_return piece(bytes_);
    }
    [[nodiscard]] bool rewind() override {
        is_read_ = false;
        return true;
    }

private:
    std::string bytes_;
    bool is_read_ = false;
};

fault file_fault(const std::string& path, std::string_view what) {
    std::string text("the file ");
    text.append(path).append(what);
    return fault(errc::bad_request, std::move(text));
}

fault file_fault(const std::string& path, std::string_view what, int error) {
    std::string text(what);
    text.append(": ").append(std::generic_category().message(error));
    return file_fault(path, text);
}

class whole_file final : public body_source {
public:
    whole_file(std::string path, int descriptor, std::uint64_t length)
        : path_(std::move(path)), descriptor_(descriptor), length_(length) {}
    whole_file(const whole_file&) = delete;
    whole_file& operator=(const whole_file&) = delete;
    ~whole_file() override { ::close(descriptor_); }

    [[nodiscard]] std::optional<std::uint64_t> length() const noexcept override { return length_; }
    [[nodiscard]] task<result<piece>> read() override { co_return next(); }
    [[nodiscard]] bool rewind() override {
        position_ = 0;
        return true;
    }

private:
    result<piece> next() {
        const std::uint64_t left = length_ - position_;
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, file_piece));
        if (memory_.size() < wanted) memory_.resize(wanted);
        std::size_t size = 0;
        while (size < wanted) {
            const result<std::size_t> got = take(memory_.data() + size, wanted - size, position_ + size);
            if (!got) return got.error();
            if (*got == 0) return file_fault(path_, " has become shorter while it was sent");
            size += *got;
        }
        if (size == left) {
            // With its last bytes the request would be complete, so what has been added is noticed before.
            char more = 0;
            const result<std::size_t> got = take(&more, 1, length_);
            if (!got) return got.error();
            if (*got != 0) return file_fault(path_, " has become longer while it was sent");
        }
        position_ += size;
        if (size == 0) return piece();
        return piece(std::string_view(memory_.data(), size));
    }

    result<std::size_t> take(char* into, std::size_t size, std::uint64_t at) const {
        for (;;) {
            const ssize_t got = ::pread(descriptor_, into, size, static_cast<off_t>(at));
            if (got >= 0) return static_cast<std::size_t>(got);
            if (errno != EINTR) return file_fault(path_, " cannot be read", errno);
        }
    }

    std::string path_;
    int descriptor_;
    std::uint64_t length_;
    std::uint64_t position_ = 0;
    std::string memory_; // no larger than the file
};

} // namespace

std::shared_ptr<body_source> bytes_source(std::string bytes) {
    return std::make_shared<memory_source>(std::move(bytes));
}

result<std::shared_ptr<body_source>> file_source(const std::string& path) {
    // Opening a pipe would wait for its other end.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return file_fault(path, " cannot be opened", errno);
    struct stat facts{};
    if (::fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        ::close(descriptor);
        return file_fault(path, " is not a regular file");
    }
    return std::shared_ptr<body_source>(
        std::make_shared<whole_file>(path, descriptor, static_cast<std::uint64_t>(facts.st_size)));
}

result<attachment> attach_file(const std::string& path) {
    result<std::shared_ptr<body_source>> source = file_source(path);
    if (!source) return std::move(source).error();
    return attachment(path.substr(path.rfind('/') + 1), {}, std::move(*source));
}

attachment attach_bytes(std::string name, std::string bytes) {
    return attachment(std::move(name), {}, bytes_source(std::move(bytes)));
}

} // namespace modelmesh::http
