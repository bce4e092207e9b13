/** The way into the simulation: everything that the engine would share with the real machine is replaced first. */
import { keepConnections } from './sim-database.js';
import { countHandovers } from './sim-scheduler.js';
import { simulateThreads } from './sim-threads.js';

/** Errors are part of ordinary work here, and their stacks cost more than they; `--verbose` brings them back. */
Error.stackTraceLimit = process.argv.includes('--verbose') ? 10 : 0;
keepConnections();
simulateThreads();
countHandovers();

export { type SimulationOptions, type SimulationResult, simulateEngine } from './engine-simulation.js';
