#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/model.h"
#include "model/reply_step.h"

namespace banyan {

// Shared by the files of model/reply.h; not for others.

// Without case and separators, at most 100 bytes: "Next-Model" and "next_model" are the same.
std::string PlainName(std::string_view name);
// The member called by one of `names` (plain), or by one a letter off; nullptr: none.
const Json* FindField(const Json& object, std::initializer_list<const char*> names);
// As it is written in the object; empty: none.
std::string FieldKey(const Json& object, std::initializer_list<const char*> names);

const Json* ProposalsField(const Json& object);
const Json* StepsField(const Json& object);
const Json* MutatorsField(const Json& object);

// A value that holds an answer, found in a reply.
struct FoundAnswer {
  Json value;
  int rank = 0;     // how surely it is one; 0: it is none
  Json next_model;  // of it or of what it is wrapped in; null: none
};

// Answers in the reply in the order they stand there; texts of fenced blocks first of all. Sets
// `truncated` if the last value did not end.
std::vector<FoundAnswer> FindAnswers(std::string_view text, ActionSpace space, bool* truncated);

// What a reply in the space says; both fill in proposals or mutators, next_model, and on failure
// `failure` and `error`.
void ReadPlanReply(std::string_view text, const ModelRequest& request, ReplyNotes* notes,
                   ModelReply* reply);
void ReadMutatorReply(std::string_view text, const ModelRequest& request, ReplyNotes* notes,
                      ModelReply* reply);

// The model of the pool that is meant; empty: none, said in the notes.
std::string ModelMeant(const Json& value, const ModelRequest& request, ReplyNotes* notes);
// Words of a reply that declines.
bool IsRefusal(std::string_view text);
// Sets kRefused, kTruncated or kUnusable, whichever the text shows, and the error.
void SetUnusable(bool truncated, const std::string& why, ModelReply* reply);

}  // namespace banyan
