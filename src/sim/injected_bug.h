// Bugs that are injected to see that a check finds them. None is in the product's code.
#pragma once

namespace exogpu::sim {

enum class InjectedBug {
  none,
  counter_lost,        // the counter of Output::persist_counter is lost at a restart
  term_forgotten,      // an agent is replaced by one that has forgotten which term it obeyed
  event_changed,       // one node receives another event than the others
  memory_leaked,       // a backend frees a part but not its memory
  epoch_reversed,      // a worker is replaced by one that has forgotten its plans, and takes on the one before the last
  heartbeats_dropped,  // one node gets no heartbeat after the faults
  busy_stuck,          // a node that was once busy reports so for ever
  token_dropped,       // one of the tokens that a client is sent
  end_dropped,         // the message that an answer is complete
  token_forgotten,     // by a client's node, when it asks the next ring
  row_changed,         // one of the activations, in flight to the next stage
  caches_not_truncated,  // computes do not forget tokens, so that a ring begins with those of another
  state_not_restored,    // recurrent layers keep their state when tokens are removed
  step_dropped,          // in flight to the next stage, and those behind it take its number
  given_up_early,        // a client's node does not wait for the next plan
  busy_unreported,       // no agent learns which models answer
  condition_unreported,  // no agent receives the condition of its node
  speeds_unreported,     // likewise of the speeds that a node has measured
  frames_reordered,      // activations travel before their step
  resume_miscounted,     // a stage resumes one token less of each sequence than there is
  queue_bound_ignored,   // a node sends more steps than a ring may have in flight
  clients_confused,      // a client's node submits all requests as those of one client
  rows_not_moved,        // a sequence gets another region of the pool, and its rows do not move there
  pace_ignored,          // no stage learns how hard its device may work
  replay_row_shifted,    // activations that are replayed are those of the next position
};

}  // namespace exogpu::sim
