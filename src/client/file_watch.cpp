#include "client/file_watch.hpp"

#include "client/client_impl.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include <sys/inotify.h>
#include <sys/stat.h>

namespace modelmesh::detail {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using boost::system::error_code;

constexpr std::uint32_t any_change = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                                     IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::chrono::seconds try_again{1}; // to watch a directory that is gone
constexpr int longest_settling = 10;         // times the patience of the options

// The directories in which a name of the path stands: that of the file, and that of each symbolic link on the way.
void add_directories(std::set<fs::path>& into, const fs::path& path, int links_left = 40) {
    fs::path so_far;
    for (auto part = path.begin(); part != path.end(); ++part) {
        so_far /= *part;
        std::error_code none;
        if (links_left == 0 || !fs::is_symlink(so_far, none)) continue;
        into.insert(so_far.parent_path());
        fs::path target = so_far.parent_path() / fs::read_symlink(so_far, none);
        for (++part; part != path.end(); ++part) target /= *part;
        add_directories(into, target.lexically_normal(), links_left - 1);
        return;
    }
    into.insert(path.parent_path());
}

// Those of now: the program may go to another directory, or its own may be removed.
std::vector<std::string> absolute(std::vector<std::string> paths) {
    for (std::string& path : paths) {
        std::error_code failed;
        fs::path whole = fs::absolute(path, failed);
        if (failed) throw error(fault(errc::config, path + " cannot be watched: " + failed.message()));
        path = whole.lexically_normal().string();
    }
    return paths;
}

fault system_fault(const std::string& what) {
    return fault(errc::config, what + ": " + std::strerror(errno));
}

std::int64_t nanoseconds(const timespec& at) { return at.tv_sec * std::int64_t{1000000000} + at.tv_nsec; }

} // namespace

struct file_watch::on_loop {
    explicit on_loop(asio::io_context& loop) : events(loop), settling(loop), hangup(loop) {}

    asio::posix::stream_descriptor events; ///< of inotify
    asio::steady_timer settling;
    asio::signal_set hangup;
    std::array<char, 4096> read_into{};
    std::optional<asio::steady_timer::time_point> unsettled_since{};
};

file_watch::file_watch(std::weak_ptr<client_impl> of, asio::io_context& loop, std::vector<std::string> paths,
                       watch_options options)
    : client_(std::move(of)), loop_(loop), paths_(absolute(std::move(paths))), options_(std::move(options)),
      io_(std::make_unique<on_loop>(loop)) {
    const int descriptor = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor < 0) throw error(system_fault("files cannot be watched"));
    io_->events.assign(descriptor);
    if (!watch_directories())
        throw error(system_fault("the directory of " + paths_.front() + " cannot be watched"));
    loaded_ = look();
    if (!options_.on_sighup) return;
    error_code failed;
    io_->hangup.add(SIGHUP, failed);
    if (failed) throw error(fault(errc::config, "SIGHUP: " + failed.message()));
}

file_watch::~file_watch() = default;

void file_watch::start() {
    asio::post(loop_, [self = shared_from_this()] {
        if (!self->io_) return;
        self->wait_for_events();
        if (self->options_.on_sighup) self->wait_for_hangup();
    });
}

void file_watch::stop() noexcept {
    {
        const std::lock_guard lock(busy_);
        is_stopped_ = true;
    }
    // Without a client there is no loop any more, and the client's end has released everything.
    if (const std::shared_ptr<client_impl> client = client_.lock())
        asio::post(loop_, [self = shared_from_this()] { self->release(); });
}

void file_watch::release() noexcept { io_.reset(); }

std::vector<file_watch::file_state> file_watch::look() const {
    std::vector<file_state> all;
    for (const std::string& path : paths_) {
        file_state& found = all.emplace_back();
        struct stat of{};
        if (::stat(path.c_str(), &of) != 0) continue;
        found = {true, of.st_dev, of.st_ino, of.st_size, nanoseconds(of.st_mtim), nanoseconds(of.st_ctim)};
    }
    return all;
}

bool file_watch::watch_directories() {
    std::set<fs::path> directories;
    for (const std::string& path : paths_) add_directories(directories, path);
    // One that is watched already stays so.
    return std::all_of(directories.begin(), directories.end(), [this](const fs::path& each) {
        return inotify_add_watch(io_->events.native_handle(), each.c_str(), any_change) >= 0;
    });
}

void file_watch::wait_for_events() {
    io_->events.async_read_some(asio::buffer(io_->read_into),
                                [self = shared_from_this()](error_code failed, std::size_t) {
                                    if (!self->io_ || failed == asio::error::operation_aborted) return;
                                    if (failed) return self->report("ends: " + failed.message());
                                    self->safely([&] {
                                        self->settle_then_check();
                                        self->wait_for_events();
                                    });
                                });
}

// The loop runs calls of the program as well: what is thrown through it would end the process.
template <class Work> void file_watch::safely(Work work) {
    try {
        work();
    } catch (const std::exception& odd) {
        report(odd.what());
    } catch (...) {
        report("unknown exception");
    }
}

void file_watch::report(std::string_view message) const noexcept {
    const std::shared_ptr<client_impl> client = client_.lock();
    if (!client || client->log() == nullptr || !client->log()->wants(severity::error)) return;
    const std::array<log_field, 2> fields{{{"path", paths_.front()}, {"message", message}}};
    client->log()->write(severity::error, "config.watch_failed", fields);
}

void file_watch::wait_for_hangup() {
    io_->hangup.async_wait([self = shared_from_this()](error_code failed, int) {
        if (failed || !self->io_) return;
        self->safely([&] {
            self->loaded_ = self->look();
            self->reload();
        });
        if (self->io_) self->wait_for_hangup();
    });
}

void file_watch::settle_then_check() {
    const auto now = asio::steady_timer::clock_type::now();
    const auto since = io_->unsettled_since.value_or(now);
    const auto latest = since + longest_settling * options_.settle;
    io_->unsettled_since = since;
    check_after(std::chrono::ceil<std::chrono::milliseconds>(std::min(now + options_.settle, latest) - now));
}

void file_watch::check_after(std::chrono::milliseconds wait) {
    io_->settling.expires_after(wait); // takes the place of an earlier one
    io_->settling.async_wait([self = shared_from_this()](error_code failed) {
        if (!failed && self->io_) self->safely([&] { self->check(); });
    });
}

void file_watch::check() {
    io_->unsettled_since.reset();
    // First, so that nothing goes unseen between the two.
    if (!watch_directories()) check_after(try_again);
    std::vector<file_state> now = look();
    if (now == loaded_) return;
    loaded_ = std::move(now);
    reload();
}

void file_watch::reload() {
    // This may be the last one who has it: it outlives the lock.
    const std::shared_ptr<client_impl> client = client_.lock();
    if (!client) return;
    const std::lock_guard lock(busy_);
    if (is_stopped_) return;
    const result<reload_report> outcome = client->reload_from_files(paths_);
    if (options_.on_outcome) safely([&] { options_.on_outcome(outcome); });
}

config_watch client_impl::watch(const std::shared_ptr<client_impl>& self, std::vector<std::string> paths,
                                watch_options options) {
    if (paths.empty()) throw std::invalid_argument("watch: there is no file to watch");
    boost::asio::io_context& loop = self->own_loop();
    auto made = std::make_shared<file_watch>(self, loop, std::move(paths), std::move(options));
    {
        const std::lock_guard lock(self->mutex_);
        std::erase_if(self->watches_, [](const std::weak_ptr<file_watch>& each) { return each.expired(); });
        self->watches_.push_back(made);
    }
    made->start();
    return config_watch(std::move(made));
}

} // namespace modelmesh::detail

namespace modelmesh {

void config_watch::stop() noexcept {
    if (const std::shared_ptr<detail::file_watch> watch = std::move(watch_)) watch->stop();
}

} // namespace modelmesh
