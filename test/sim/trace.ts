import { LeaseEnd, Verdict, type JobEvent, JobState } from '@kbisect/shared/gen/kbisect/v1/job';
import type { AgentMessage, CoordinatorMessage, LeaseRef } from '@kbisect/shared/gen/kbisect/v1/session';

/** A journal's event in a few words. */
export function describeDurable({ fact }: JobEvent): string {
  switch (fact?.$case) {
    case 'leased': {
      const { lease, epoch, commit, agent } = fact.value;
      return `leased ${lease}/${epoch} to ${agent} for ${short(commit)}`;
    }
    case 'leaseEnded':
      return `lease ${fact.value.lease} ended: ${word(LeaseEnd, fact.value.reason)} ${fact.value.detail}`;
    case 'built':
      return `built ${short(fact.value.commit)} under ${fact.value.lease} ${fact.value.failure}`;
    case 'tried':
      return `tried ${short(fact.value.commit)} under ${fact.value.lease}: ${fact.value.outcome?.kind?.$case ?? '?'}`;
    case 'judged':
      return `judged ${short(fact.value.commit)}: ${word(Verdict, fact.value.verdict)} (${fact.value.reason})`;
    case 'marked':
      return `marked ${short(fact.value.commit)}: ${word(Verdict, fact.value.verdict)}`;
    case 'rerun':
      return `rerun ${short(fact.value.commit)}`;
    case 'ended':
      return `ENDED ${word(JobState, fact.value.state)} ${short(fact.value.culprit)} ${fact.value.reason}`;
    case 'checked':
      return `check ${fact.value.check} ${fact.value.result}: ${fact.value.detail}`;
    case 'submitted':
    case 'started':
    case 'collapsed':
    case 'refuted':
    case 'mended':
    case 'checking':
    case 'minimising':
    case undefined:
      return fact?.$case ?? 'nothing';
  }
}

/** A message of the session in a few words. */
export function describeSaid({ kind }: AgentMessage | CoordinatorMessage): string {
  switch (kind?.$case) {
    case 'hello':
      return `hello ${kind.value.incarnation}, with ${names(kind.value.leases)}`;
    case 'heartbeat':
      return `heartbeat of ${names(kind.value.leases)}`;
    case 'offer':
      return `offer ${name(kind.value.lease)}: ${short(kind.value.task?.commit ?? '')}`;
    case 'progress':
      return `progress of ${name(kind.value.lease)}: ${kind.value.phase} ${kind.value.fraction}`;
    case 'build':
    case 'trial':
    case 'ack':
      return `${kind.$case} ${name(kind.value.lease)} #${kind.value.seq}`;
    case 'task':
      return `task ${name(kind.value.lease)} #${kind.value.seq}: ${kind.value.end?.$case ?? '?'}`;
    case 'accept':
    case 'cancel':
      return `${kind.$case} ${name(kind.value.lease)}`;
    case 'welcome':
    case 'console':
    case 'drain':
    case undefined:
      return kind?.$case ?? 'nothing';
  }
}

function names(leases: readonly LeaseRef[]): string {
  return leases.length === 0 ? 'nothing' : leases.map(name).join(' ');
}

function name(lease: LeaseRef | undefined): string {
  return lease ? `${lease.lease}/${lease.epoch}` : '?';
}

function short(commit: string): string {
  return commit && `${commit.slice(0, 1)}:${parseInt(commit.slice(1), 16)}`;
}

function word(names: Record<string, string | number>, value: string | number): string {
  const found = Object.entries(names).find(([, each]) => each === value)?.[0] ?? String(value);
  return found.replace(/^(LEASE_END|VERDICT|JOB_STATE)_/, '').toLowerCase();
}
