/** Answers errors that a route did not answer itself. Bugs are reported to the process, and not shown to the client. */
import type { FastifyReply } from "fastify";
import { type Problem, problemOf, sendProblem } from "./problem.ts";

/** Listener for exceptions that are bugs of ours: the process should stop and recover from its last commit. */
export type OnBug = (error: unknown) => void;

/** @returns the problem that the error is, after a bug was reported */
export function reported(error: unknown, onBug: OnBug): Problem {
  const answer = problemOf(error);
  if (answer.code === "internal") onBug(error);
  return answer;
}

/** Fastify's handler of errors: a problem for each. */
export const errorHandler =
  (onBug: OnBug) =>
  (error: unknown, _request: unknown, reply: FastifyReply): FastifyReply =>
    sendProblem(reply, reported(error, onBug));
