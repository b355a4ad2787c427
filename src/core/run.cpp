#include <modelmesh/core/task.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>

namespace modelmesh::detail {

void run_to_end(task<void> work) {
    boost::asio::io_context context{1}; // the hint promises one thread, so requests run on this very loop
    std::exception_ptr failure;
    boost::asio::co_spawn(context, std::move(work), [&failure](std::exception_ptr e) { failure = e; });
    context.run();
    if (failure) std::rethrow_exception(failure);
}

} // namespace modelmesh::detail
