#include <modelmesh/api/resources.hpp>

#include "client/item_source.hpp"

#include <modelmesh/api/audio.hpp>
#include <modelmesh/api/embeddings.hpp>
#include <modelmesh/api/images.hpp>
#include <modelmesh/api/moderations.hpp>
#include <modelmesh/api/rerank.hpp>
#include <modelmesh/api/responses.hpp>
#include <modelmesh/api/search.hpp>
#include <modelmesh/api/text_completions.hpp>
#include <modelmesh/core/or_throw.hpp>
#include <modelmesh/json/write.hpp>

#include <stdexcept>

namespace modelmesh {
namespace {

constexpr operation operation_of(const responses::request&) { return operation::response; }
constexpr operation operation_of(const text_completions::request&) { return operation::text_completion; }
constexpr operation operation_of(const embeddings::request&) { return operation::embedding; }
constexpr operation operation_of(const rerank::request&) { return operation::rerank; }
constexpr operation operation_of(const search::request&) { return operation::search; }
constexpr operation operation_of(const moderations::request&) { return operation::moderation; }
constexpr operation operation_of(const images::request&) { return operation::image_generation; }
constexpr operation operation_of(const images::edit_request&) { return operation::image_edit; }
constexpr operation operation_of(const images::variation_request&) { return operation::image_variation; }
constexpr operation operation_of(const audio::speech_request&) { return operation::speech; }
constexpr operation operation_of(const audio::transcription_request&) { return operation::transcription; }
constexpr operation operation_of(const audio::translation_request&) { return operation::translation; }

void attach(std::vector<attached_file>& to, std::string_view field, const http::attachment& file) {
    if (!file.source) throw std::invalid_argument("the request has no " + std::string(field));
    to.push_back({std::string(field), file});
}

template <class Request> std::vector<attached_file> files_of(const Request& req) {
    std::vector<attached_file> files;
    if constexpr (requires { req.file; }) attach(files, "file", req.file);
    return files;
}
std::vector<attached_file> files_of(const images::edit_request& req) {
    std::vector<attached_file> files;
    if (req.image.empty()) throw std::invalid_argument("the request has no image");
    for (const http::attachment& each : req.image)
        attach(files, req.image.size() == 1 ? "image" : "image[]", each);
    if (req.mask.source) attach(files, "mask", req.mask);
    return files;
}
std::vector<attached_file> files_of(const images::variation_request& req) {
    std::vector<attached_file> files;
    attach(files, "image", req.image);
    return files;
}

// Here and now, so that nothing borrows the caller's request afterwards.
template <class Request> detail::prepared prepare(const Request& req, bool stream = false) {
    return prepared_request::parse(operation_of(req), json::write(req), stream, files_of(req));
}

template <class Reply> constexpr router::reply_format<Reply> format_of = router::read_json<Reply>;

result<audio::recording> read_recording(std::string&& body) {
    audio::recording made;
    made.bytes = std::move(body);
    return made;
}

// Text, srt and vtt are not JSON.
result<audio::transcription> read_transcription(std::string&& body) {
    const std::size_t begin = body.find_first_not_of(" \t\r\n");
    if (begin != std::string::npos && body[begin] == '{')
        return router::read_json<audio::transcription>(std::move(body));
    audio::transcription made;
    made.text = std::move(body);
    return made;
}
template <>
constexpr router::reply_format<audio::transcription> format_of<audio::transcription> = read_transcription;

} // namespace

template <class Request, class Reply>
task<result<Reply>> creating<Request, Reply>::try_create(const Request& req, const call_options& opt) {
    return detail::call_for<Reply>(impl_, prepare(req), opt, "create", format_of<Reply>);
}
template <class Request, class Reply>
task<Reply> creating<Request, Reply>::create(const Request& req, const call_options& opt) {
    return detail::or_throw(try_create(req, opt));
}
template <class Request, class Reply, class Item>
task<result<item_stream<Item>>> streaming<Request, Reply, Item>::try_stream(const Request& req,
                                                                            const call_options& opt) {
    return detail::stream_opener::open<detail::json_source<Item>, Item>(this->impl_, prepare(req, true), opt);
}
template <class Request, class Reply, class Item>
task<item_stream<Item>> streaming<Request, Reply, Item>::stream(const Request& req, const call_options& opt) {
    return detail::or_throw(try_stream(req, opt));
}

template class creating<responses::request, responses::reply>;
template class streaming<responses::request, responses::reply, responses::event>;
template class creating<text_completions::request, text_completions::reply>;
template class streaming<text_completions::request, text_completions::reply, text_completions::reply>;
template class creating<rerank::request, rerank::reply>;
template class creating<search::request, search::reply>;
template class item_stream<responses::event>;
template class item_stream<text_completions::reply>;
template class item_stream<images::event>;
template class creating<embeddings::request, embeddings::reply>;
template class creating<moderations::request, moderations::reply>;
template class creating<audio::transcription_request, audio::transcription>;
template class streaming<audio::transcription_request, audio::transcription, audio::transcription_event>;
template class item_stream<audio::transcription_event>;
template class creating<audio::translation_request, audio::transcription>;
template class item_stream<std::string_view>;

namespace audio {
task<result<recording>> speech_resource::try_create(const speech_request& req, const call_options& opt) {
    return detail::call_for<recording>(impl_, prepare(req), opt, "create", read_recording);
}
task<recording> speech_resource::create(const speech_request& req, const call_options& opt) {
    return detail::or_throw(try_create(req, opt));
}
task<result<byte_stream>> speech_resource::try_stream(const speech_request& req, const call_options& opt) {
    return detail::stream_opener::open<detail::byte_source, std::string_view>(impl_, prepare(req, true), opt);
}
task<byte_stream> speech_resource::stream(const speech_request& req, const call_options& opt) {
    return detail::or_throw(try_stream(req, opt));
}
} // namespace audio

namespace images {
task<result<reply>> resource::try_generate(const request& req, const call_options& opt) {
    return detail::call_for<reply>(impl_, prepare(req), opt, "generate");
}
task<reply> resource::generate(const request& req, const call_options& opt) {
    return detail::or_throw(try_generate(req, opt));
}
task<result<item_stream<event>>> resource::try_generate_stream(const request& req, const call_options& opt) {
    return detail::stream_opener::open<detail::json_source<event>, event>(impl_, prepare(req, true), opt);
}
task<item_stream<event>> resource::generate_stream(const request& req, const call_options& opt) {
    return detail::or_throw(try_generate_stream(req, opt));
}
task<result<reply>> resource::try_edit(const edit_request& req, const call_options& opt) {
    return detail::call_for<reply>(impl_, prepare(req), opt, "edit");
}
task<reply> resource::edit(const edit_request& req, const call_options& opt) {
    return detail::or_throw(try_edit(req, opt));
}
task<result<item_stream<event>>> resource::try_edit_stream(const edit_request& req, const call_options& opt) {
    return detail::stream_opener::open<detail::json_source<event>, event>(impl_, prepare(req, true), opt);
}
task<item_stream<event>> resource::edit_stream(const edit_request& req, const call_options& opt) {
    return detail::or_throw(try_edit_stream(req, opt));
}
task<result<reply>> resource::try_create_variation(const variation_request& req, const call_options& opt) {
    return detail::call_for<reply>(impl_, prepare(req), opt, "create_variation");
}
task<reply> resource::create_variation(const variation_request& req, const call_options& opt) {
    return detail::or_throw(try_create_variation(req, opt));
}
} // namespace images

} // namespace modelmesh
