// The requests that a model answers, one reader for each route. All of them throw a refusal when the request
// is wrong; members they do not know are ignored.
#pragma once

#include "answer.hpp"

#include <modelmesh/testing/simulator.hpp>

namespace modelmesh::testing::detail {

model_request read_chat(const recorded_request& request);
model_request read_text_completion(const recorded_request& request); ///< the older /completions
model_request read_embeddings(const recorded_request& request);
model_request read_rerank(const recorded_request& request);
model_request read_search(const recorded_request& request);
model_request read_moderation(const recorded_request& request);
model_request read_image_generation(const recorded_request& request);
model_request read_image_edit(const recorded_request& request);
model_request read_image_variation(const recorded_request& request);
model_request read_speech(const recorded_request& request);
model_request read_transcription(const recorded_request& request);
model_request read_translation(const recorded_request& request);

} // namespace modelmesh::testing::detail
