// Bugs that are injected to see that a check finds them. None is in the product's code.
#pragma once

namespace exogpu::sim {

enum class InjectedBug {
  none,
  counter_lost,       // what Output::persist_counter says is not kept over a restart
  term_forgotten,     // an agent is replaced by one that has forgotten which term it obeyed
  event_changed,      // one node receives another event than the others
  memory_kept,        // a backend frees a part, and the memory stays taken
  epoch_reversed,     // a worker is replaced by one that has forgotten its plans, and takes on the one before the last
  node_unheard,       // one node gets no heartbeat after the faults
  busy_kept,          // a node that was once busy says so for ever
  token_dropped,      // one of the tokens that a client is sent
  end_dropped,        // the message that says that an answer is whole
  token_forgotten,    // by a client's node, when it asks the next ring
  row_changed,        // one of the activations, on its way to the next stage
  caches_kept,        // computes do not forget tokens, so that a ring begins with those of another
  step_dropped,       // on its way to the next stage, and those behind it take its number
  given_up_early,     // a client's node does not wait for the next plan
  condition_unheard,  // no agent is told how its node does
  frames_reordered,   // activations travel before their step
  resume_miscounted,  // a stage is told to resume one token less of each sequence than there is
  queue_bound_ignored,  // a node sends more steps than a ring may have in flight
  replay_row_shifted,   // activations that are replayed are those of the next position
};

}  // namespace exogpu::sim
