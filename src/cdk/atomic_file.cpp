#include <modelmesh/connector/atomic_file.hpp>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace modelmesh::connector {
namespace {

// @pre a system call has just failed.
fault failed(const std::string& path, const char* step) {
    return fault(errc::storage,
                 "'" + path + "' cannot be " + step + ": " + std::generic_category().message(errno));
}

class descriptor {
public:
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() { close(); }
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int get() const noexcept { return fd_; }
    bool close() noexcept { return fd_ < 0 || ::close(std::exchange(fd_, -1)) == 0; }

private:
    int fd_;
};

bool write_all(int to, std::string_view data) {
    while (!data.empty()) {
        const ssize_t written = ::write(to, data.data(), data.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        data.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

std::string folder_of(const std::string& path) {
    const std::size_t cut = path.rfind('/');
    return cut == path.npos ? "." : cut == 0 ? "/" : path.substr(0, cut);
}

} // namespace

result<void> write_file_atomically(const std::string& path, std::string_view data) {
    std::string draft = path + ".XXXXXX";
    descriptor file(::mkostemp(draft.data(), O_CLOEXEC)); // with mode 0600
    if (!file.is_open()) return failed(path, "created");
    const auto discard = [&draft](fault f) {
        ::unlink(draft.c_str());
        return f;
    };
    if (!write_all(file.get(), data)) return discard(failed(path, "written"));
    if (::fsync(file.get()) != 0) return discard(failed(path, "flushed to the disk"));
    if (!file.close()) return discard(failed(path, "closed"));
    if (::rename(draft.c_str(), path.c_str()) != 0) return discard(failed(path, "replaced"));
    // The new name is in the folder's own data.
    const descriptor folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.is_open() || ::fsync(folder.get()) != 0) return failed(path, "flushed to the disk");
    return {};
}

result<std::optional<std::string>> read_whole_file(const std::string& path, std::size_t most) {
    // Not blocking: opening a pipe would wait for its writer.
    const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.is_open() && errno == ENOENT) return std::optional<std::string>();
    if (!file.is_open()) return failed(path, "opened");
    struct stat about{};
    if (::fstat(file.get(), &about) != 0) return failed(path, "read");
    if (!S_ISREG(about.st_mode)) return fault(errc::storage, "'" + path + "' is no plain file");
    std::string data;
    for (char part[16 * 1024];;) {
        const ssize_t length = ::read(file.get(), part, sizeof part);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0) return failed(path, "read");
        if (length == 0) return std::optional<std::string>(std::move(data));
        data.append(part, static_cast<std::size_t>(length));
        if (data.size() > most)
            return fault(errc::storage, "'" + path + "' is longer than " + std::to_string(most) + " bytes");
    }
}

} // namespace modelmesh::connector
