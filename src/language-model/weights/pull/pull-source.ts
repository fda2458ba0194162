/** A place that models are fetched from. */
export interface PullSource {
  /** For messages, for instance `pip` or `Hugging Face hub`. */
  readonly name: string;
  /** What it is about to do, in a few words. */
  readonly action: string;
  /**
   * Puts the files of the model into `folder`, which may hold parts from an earlier try.
   * Whatever it leaves there has been checked.
   */
  fetchInto(folder: string, context: PullContext): Promise<void>;
}

export interface PullContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly onProgress: (file: string, bytes: number, totalBytes: number) => void;
}
